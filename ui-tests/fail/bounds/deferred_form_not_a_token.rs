// errors: 2

use std::io;

use async_op::{Initiation, async_op};
use async_op::time::Timer;

#[async_op]
fn async_pause(timer: &Timer) -> impl Initiation<fn(io::Result<()>)> {
    timer.wait()
}

fn caller(timer: &Timer) {
    async_pause(timer, 42);
}

fn main() {}
