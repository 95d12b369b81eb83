// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_ping(_timer: &Timer, buf: &'a mut [u8]) -> usize {
    buf.len()
}

fn main() {}
