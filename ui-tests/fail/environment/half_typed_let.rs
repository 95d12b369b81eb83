// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_ping(timer: &Timer) -> u32 {
    let n = ;
    timer.wait().await;
    n
}

fn caller(timer: &Timer) {
    ping(timer).callback(|n| println!("{n}"));
}

fn main() {}
