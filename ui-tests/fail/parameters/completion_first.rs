// errors: 1

use async_op::{Completion, Timer, async_op};

#[async_op]
fn async_ping(op: Completion<fn(u32)>, _timer: &Timer) {
    op.complete(1);
}

fn main() {}
