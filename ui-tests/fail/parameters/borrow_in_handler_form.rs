// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_read(_timer: &Timer, buf: &mut [u8], op: Completion<fn(usize)>) {
    op.complete(buf.len());
}

fn main() {}
