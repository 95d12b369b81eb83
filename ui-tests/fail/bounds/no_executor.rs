// errors: 1

use async_op::{Completion, async_op};

#[derive(Clone)]
struct Socket;

impl Socket {
    #[async_op]
    fn async_ping(&self, op: Completion<fn(u32)>) {
        op.complete(1);
    }
}

fn main() {}
