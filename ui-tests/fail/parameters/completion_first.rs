// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping(op: Completion<fn(u32)>, _timer: &Timer) {
    op.complete(1);
}

fn main() {}
