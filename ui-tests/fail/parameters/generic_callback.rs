// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
fn async_ping<F: FnOnce(u32) + Send>(_timer: &Timer, callback: F) {
    callback(1);
}

fn main() {}
