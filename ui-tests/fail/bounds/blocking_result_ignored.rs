// errors: 1

#![deny(unused_must_use)]

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().blocking();
}

fn main() {}
