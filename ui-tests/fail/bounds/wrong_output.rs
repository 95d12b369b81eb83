// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op(completes = fn(u32, bool))]
async fn async_ping(_timer: &Timer) -> u32 {
    1
}

fn main() {}
