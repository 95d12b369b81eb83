// errors: 1

use async_op::UseFuture;
use async_op::time::Timer;

fn caller(timer: &Timer) {
    let _ = timer.async_wait(UseFuture());
}

fn main() {}
