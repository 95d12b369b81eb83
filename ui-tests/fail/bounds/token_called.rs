// errors: 1

use async_op::{Timer, UseFuture};

fn caller(timer: &Timer) {
    let _ = timer.async_wait(UseFuture());
}

fn main() {}
