// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().with(42);
}

fn main() {}
