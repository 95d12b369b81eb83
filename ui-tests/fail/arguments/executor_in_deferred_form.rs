// errors: 1

use async_op::{Initiation, SystemExecutor, async_op};
use async_op::time::Timer;

#[async_op(executor = SystemExecutor)]
fn async_tick(timer: &Timer) -> impl Initiation<fn(u32)> {
    timer.wait().map(|_| 1)
}

fn main() {}
