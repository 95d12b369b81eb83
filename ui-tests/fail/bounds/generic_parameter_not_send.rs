// errors: 1

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
    async fn async_ping<T>(&self, value: T) -> T {
        value
    }
}

fn main() {}
