// errors: 1

use async_op::{Completion, SystemExecutor, async_op};

trait Read {
    #[async_op(executor = SystemExecutor)]
    async fn async_len(&self) -> usize;
}

#[derive(Clone)]
struct Socket;

impl Read for Socket {
    #[async_op(implements)]
    fn async_len(&self, op: Completion<fn(usize)>) {
        op.complete(1);
    }
}

fn main() {}
