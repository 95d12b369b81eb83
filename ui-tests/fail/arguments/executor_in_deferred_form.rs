// errors: 1

use async_op::{Initiation, SystemExecutor, Timer, async_op};

#[async_op(executor = SystemExecutor)]
fn async_tick(timer: &Timer) -> impl Initiation<fn(u32)> {
    timer.wait().map(|_| 1)
}

fn main() {}
