// errors: 1

use async_op::{Initiation, async_op};
use async_op::time::Timer;

#[async_op]
fn async_tick(timer: &Timer) -> impl Initiation<fn(u32)> {
    timer.wait()
}

fn main() {}
