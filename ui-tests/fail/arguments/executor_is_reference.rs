// errors: 1

use async_op::{Completion, IoExecutor, async_op};

#[derive(Clone)]
struct Client {
    executor: IoExecutor,
}

impl Client {
    #[async_op(executor = &self.executor)]
    fn async_ping(&self, op: Completion<fn()>) {
        op.complete();
    }
}

fn main() {}
