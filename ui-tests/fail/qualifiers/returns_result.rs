// errors: 1

use async_op::{IoExecutor, async_op};
use std::io;

#[async_op]
fn async_ping(_executor: &IoExecutor) -> io::Result<usize> {
    Ok(1)
}

fn main() {}
