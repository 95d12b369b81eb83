// errors: 2

use async_op::{Blocking, IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

trait Ping {
    #[async_op]
    async fn async_ping(&self) -> u32;
}

impl Ping for Client {
    #[async_op(implements)]
    async fn async_ping(&self) -> u32 {
        1
    }
}

fn caller(client: &Client) -> u32 {
    client.async_ping(&Blocking)
}

fn main() {}
