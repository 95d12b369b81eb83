// errors: 1

use async_op::{Completion, SystemExecutor, async_op};
use std::sync::Arc;

trait Read {
    #[async_op(executor = SystemExecutor)]
    fn async_read(self: Arc<Self>, op: Completion<fn(usize)>);
}

struct Socket;

impl Read for Socket {
    #[async_op(executor = SystemExecutor)]
    fn async_read(self: Arc<Self>, op: Completion<fn(usize)>) {
        op.complete(1);
    }
}

fn main() {}
