// errors: 2

use async_op::time::Timer;

fn caller<T>(timer: &Timer, token: T) {
    timer.wait().with(token);
}

fn main() {}
