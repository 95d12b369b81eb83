// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
fn async_ping(_timer: &Timer, _times: usize) {}

fn caller(timer: &Timer) {
    ping(timer).callback(|n| println!("{n}"));
    let n = ping(timer).blocking();
    println!("{n}");
}

fn main() {}
