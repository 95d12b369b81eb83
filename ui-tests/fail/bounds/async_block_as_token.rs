// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.async_wait(async {});
}

fn main() {}
