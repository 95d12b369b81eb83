// errors: 1

use std::io;

use async_op::{Initiation, async_op};
use async_op::time::Timer;

#[async_op]
fn async_pause(timer: &Timer) -> Box<dyn Initiation<fn(io::Result<()>)>> {
    Box::new(timer.wait())
}

fn main() {}
