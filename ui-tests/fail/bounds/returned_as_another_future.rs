// errors: 1

use std::future::Future;

use async_op::{IoExecutor, IoObject, async_op};

#[derive(Clone)]
struct Client(IoExecutor);

impl IoObject for Client {
    type Executor = IoExecutor;
    fn executor(&self) -> IoExecutor {
        self.0
    }
}

impl Client {
    #[async_op]
    async fn async_ping(&self) -> Result<u32, std::io::Error> {
        Ok(1)
    }
}

fn caller(client: &Client) -> impl Future<Output = u32> {
    client.ping()
}

fn main() {}
