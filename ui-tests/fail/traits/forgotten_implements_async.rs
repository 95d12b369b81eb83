// errors: 1

use async_op::{IoObject, SystemExecutor, async_op};

trait Read {
    #[async_op]
    async fn async_read(&self) -> usize;
}

#[derive(Clone)]
struct Socket;

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Read for Socket {
    #[async_op]
    async fn async_read(&self) -> usize {
        1
    }
}

fn main() {
    Socket.read().detach();
}
