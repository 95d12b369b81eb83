// errors: 1

use async_op::Handler;
use async_op::time::Timer;
use std::io;

fn caller(timer: &Timer) {
    timer.async_wait(Handler(|result: io::Result<()>| drop(result)));
}

fn main() {}
