// errors: 1

use async_op::{Completion, IoObject, async_op};

trait Read: IoObject {
    #[async_op]
    fn async_read(&self, op: Completion<fn(usize)>) {
        op.complete(1);
    }
}

fn main() {}
