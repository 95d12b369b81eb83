// errors: 2

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
    #[async_op(implements)]
    fn async_read(&self) {}
}

fn main() {
    Socket.read().detach();
}
