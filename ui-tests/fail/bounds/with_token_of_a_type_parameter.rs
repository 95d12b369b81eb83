// errors: 1

use async_op::Timer;

fn caller<T>(timer: &Timer, token: T) {
    timer.wait().with(token);
}

fn main() {}
