// errors: 1

use async_op::{IoExecutor, IoObject, async_op};

#[derive(Clone)]
struct Named(String, IoExecutor);

impl IoObject for Named {
    type Executor = IoExecutor;
    fn executor(&self) -> IoExecutor {
        self.1
    }
}

impl Named {
    #[async_op]
    async fn async_name(&self) -> &str {
        &self.0
    }
}

fn main() {}
