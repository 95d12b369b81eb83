// errors: 1

use async_op::{IoExecutor, IoObject, async_op};

#[derive(Clone)]
struct Counter(IoExecutor);

impl IoObject for Counter {
    type Executor = IoExecutor;
    fn executor(&self) -> IoExecutor {
        self.0
    }
}

impl Counter {
    fn count(&self) {}

    #[async_op]
    async fn async_count(&self) -> u32 {
        1
    }
}

fn main() {}
