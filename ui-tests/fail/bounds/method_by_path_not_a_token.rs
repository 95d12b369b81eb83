// errors: 2

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
    async fn async_ping(&self, n: u32) -> u32 {
        n
    }
}

fn caller(client: &Client) {
    Client::async_ping(client, 1, 42);
}

fn main() {}
