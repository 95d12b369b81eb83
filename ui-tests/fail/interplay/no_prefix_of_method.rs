// errors: 1

use async_op::{IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Client {
    #[async_op]
    pub async fn ping(&self) -> u32 {
        1
    }
}

fn caller(client: &Client) {
    client.ping(|n: u32| drop(n));
}

fn main() {}
