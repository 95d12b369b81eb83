// errors: 1

use async_op::time::Timer;
use std::io;

fn done(_result: &io::Result<()>) {}

fn caller(timer: &Timer) {
    timer.async_wait(done);
}

fn main() {}
