// errors: 1

use async_op::{Timer, async_op};

#[async_op]
async fn async_ping(_timer: &Timer, buf: &'a mut [u8]) -> usize {
    buf.len()
}

fn main() {}
