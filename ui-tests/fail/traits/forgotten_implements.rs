// errors: 1

use async_op::{Completion, IoObject, SystemExecutor, async_op};

trait Read {
    #[async_op]
    fn async_read(&self, op: Completion<fn(usize)>);
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
    fn async_read(&self, op: Completion<fn(usize)>) {
        op.complete(1);
    }
}

fn main() {
    Socket.read().detach();
}
