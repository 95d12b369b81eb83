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
    async fn async_connect(_executor: &SystemExecutor) -> Self {
        Self
    }
}

fn caller() {
    Client::async_connect(&SystemExecutor, "now");
}

fn main() {}
