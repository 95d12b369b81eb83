// errors: 1

use async_op::time::Timer;
use async_op::token::UsePromise;

fn caller(timer: &Timer) {
    timer.async_wait(UsePromise).async_wait(42);
}

fn main() {}
