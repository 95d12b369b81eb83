// errors: 1

use async_op::Initiation;
use async_op::time::Timer;

fn pass_on(operation: impl Initiation<fn(u32)>) {
    drop(operation);
}

fn caller(timer: &Timer) {
    let _ = timer;
    pass_on(42);
}

fn main() {}
