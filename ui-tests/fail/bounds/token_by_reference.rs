// errors: 1

use async_op::{Timer, UseFuture};

fn caller(timer: &Timer) {
    timer.async_wait(&UseFuture);
}

fn main() {}
