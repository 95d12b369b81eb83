// errors: 1

use async_op::{Completion, Timer, async_op};

#[async_op]
fn async_read(_timer: &Timer, buf: &mut [u8], op: Completion<fn(usize)>) {
    op.complete(buf.len());
}

fn main() {}
