// errors: 1

use async_op::{Completion, async_op};

trait Read {
    #[async_op(implements)]
    fn async_read(&self, op: Completion<fn(usize)>);
}

fn main() {}
