// errors: 1

use async_op::Timer;

fn caller(timer: &Timer) {
    timer.wait().with(42);
}

fn main() {}
