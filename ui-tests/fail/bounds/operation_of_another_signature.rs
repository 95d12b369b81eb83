// errors: 1

use async_op::Initiation;
use async_op::time::Timer;

fn pass_on(operation: impl Initiation<fn(u32)>) {
    drop(operation);
}

fn caller(timer: &Timer) {
    pass_on(timer.wait());
}

fn main() {}
