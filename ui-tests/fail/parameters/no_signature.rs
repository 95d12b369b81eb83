// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion) {
    op.complete(1);
}

fn caller(timer: &Timer) {
    async_ping(timer, |n: u32| println!("{n}"));
    ping(timer).callback(|n| println!("{n}"));
}

fn main() {}
