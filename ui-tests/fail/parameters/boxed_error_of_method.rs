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
    async fn async_load(&self) -> Result<(), Box<dyn std::error::Error>> {
        Ok(())
    }
}

fn caller(client: &Client) {
    client.async_load(|result: Result<(), Box<dyn std::error::Error>>| drop(result));
}

fn main() {}
