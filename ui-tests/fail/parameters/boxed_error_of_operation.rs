// errors: 1

use std::error::Error;
use std::io;

use async_op::{Initiation, Timer, async_op};

#[async_op]
fn async_pause(timer: &Timer) -> impl Initiation<fn(Result<(), Box<dyn Error>>)> {
    timer.wait().map(|result: io::Result<()>| -> Result<(), Box<dyn Error>> { Ok(result?) })
}

fn main() {}
