// errors: 1

use async_op::{Initiation, Timer};

fn pass_on(operation: impl Initiation<fn(u32)>) {
    let _ = operation.into_hosted();
}

fn caller(timer: &Timer) {
    pass_on(timer.wait());
}

fn main() {}
