// errors: 1

#![deny(unused_must_use)]

use async_op::Timer;

fn caller(timer: &Timer) {
    timer.wait().blocking();
}

fn main() {}
