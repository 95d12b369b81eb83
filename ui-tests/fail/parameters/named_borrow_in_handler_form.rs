// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping<'a>(_timer: &Timer, data: &'a [u8], op: Completion<fn(usize)>) {
    op.complete(data.len());
}

fn main() {}
