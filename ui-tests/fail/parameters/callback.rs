// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
fn async_ping(_timer: &Timer, callback: impl FnOnce(u32, bool) + Send + 'static) {
    callback(1, true);
}

fn main() {}
