// errors: 1

use async_op::{IoExecutor, IoObject, async_op};

struct Socket(IoExecutor);

impl IoObject for Socket {
    type Executor = IoExecutor;
    fn executor(&self) -> IoExecutor {
        self.0
    }
}

impl Socket {
    #[async_op]
    async fn async_ping(&self) {}
}

fn main() {}
