// errors: 1

use async_op::Initiation;
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
    async fn async_ping(&self) -> u32 {
        1
    }

    #[async_op]
    fn async_twice(&self, slow: bool) -> impl Initiation<fn(u32)> {
        if slow { self.pause() } else { self.ping() }
    }

    #[async_op]
    async fn async_pause(&self) -> u32 {
        2
    }
}

fn main() {}
