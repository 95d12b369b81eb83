// errors: 1

#![deny(unused_must_use)]

use async_op::{Timer, UseFuture};

fn caller(timer: &Timer) {
    timer.async_wait(UseFuture);
}

fn main() {}
