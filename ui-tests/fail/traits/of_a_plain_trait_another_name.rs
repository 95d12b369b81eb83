// errors: 1

use async_op::{Completion, IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

trait Ping {
    fn ping(&self) {}
}

impl Ping for Client {
    #[async_op]
    fn async_ping(&self, op: Completion<fn(u32)>) {
        op.complete(1);
    }
}

fn main() {}
