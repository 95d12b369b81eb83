// errors: 1

use async_op::{Initiation, async_op};
use async_op::time::Timer;
use std::io;

#[async_op]
fn async_either(timer: &Timer, is_mapped: bool) -> impl Initiation<fn(io::Result<()>)> {
    if is_mapped {
        timer.wait().map(|result| result)
    } else {
        timer.wait()
    }
}

fn main() {}
