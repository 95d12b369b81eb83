// errors: 2

use async_op::{Completion, async_op};

trait Read {
    fn async_read(&self, op: Completion<fn(usize)>);
}

struct Socket;

impl Read for Socket {
    #[async_op(implements)]
    fn async_read(&self, op: Completion<fn(usize)>) {
        op.complete(1);
    }
}

fn main() {}
