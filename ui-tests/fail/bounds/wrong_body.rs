// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_ping(_timer: &Timer) -> u32 {
    "one"
}

fn main() {
    let _: u32 = "a caller of its own is not in the way".len() as u32;
}
