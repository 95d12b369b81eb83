// errors: 1

use async_op::time::Timer;

fn spawn(_future: impl Future + Send + 'static) {}

fn caller(timer: &Timer) {
    spawn(timer.wait());
}

fn main() {}
