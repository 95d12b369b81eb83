// errors: 1

use async_op::{Completion, Initiation, async_op};
use async_op::time::Timer;

#[async_op]
fn async_tick(timer: &Timer, op: Completion<fn(u32)>) -> impl Initiation<fn(u32)> {
    drop(op);
    timer.wait().map(|_| 1)
}

fn main() {}
