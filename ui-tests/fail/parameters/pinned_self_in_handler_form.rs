// errors: 1

use std::pin::Pin;

use async_op::{Completion, SystemExecutor, async_op};

struct Socket;

impl Socket {
    #[async_op(executor = SystemExecutor)]
    fn async_close(self: Pin<&mut Self>, op: Completion<fn()>) {
        op.complete();
    }
}

fn main() {}
