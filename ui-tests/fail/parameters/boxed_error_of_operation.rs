// errors: 1

use std::error::Error;
use std::io;

use async_op::{Initiation, async_op};
use async_op::time::Timer;

#[async_op]
fn async_pause(timer: &Timer) -> impl Initiation<fn(Result<(), Box<dyn Error>>)> {
    timer.wait().map(|result: io::Result<()>| -> Result<(), Box<dyn Error>> { Ok(result?) })
}

fn main() {}
