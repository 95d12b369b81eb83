// errors: 1

use std::io;

use async_op::{Initiation, Timer, async_op};

#[async_op]
fn async_pause(timer: &Timer) -> Box<dyn Initiation<fn(io::Result<()>)>> {
    Box::new(timer.wait())
}

fn main() {}
