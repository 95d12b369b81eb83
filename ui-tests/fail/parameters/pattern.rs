// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_ping(_timer: &Timer, (n, flag): (u32, bool)) -> u32 {
    if flag { n } else { 0 }
}

fn caller(timer: &Timer) {
    async_ping(timer, (1, true), |n: u32| println!("{n}"));
}

fn main() {}
