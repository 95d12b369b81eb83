// errors: 1

use async_op::{Initiation, Operation, async_op};
use async_op::time::Timer;

#[async_op]
fn async_tick(timer: &Timer) -> Operation<fn(u32), impl Initiation<fn(u32)>> {
    timer.wait().map(|_| 1)
}

fn main() {}
