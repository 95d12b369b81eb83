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
    async fn async_ping(&self) -> u32 {
        1
    }
}

fn caller<T>(client: &Client, token: T) {
    client.async_ping(token);
}

fn main() {}
