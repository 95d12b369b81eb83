// errors: 1

use async_op::Timer;

fn caller(timer: &Timer) {
    timer.wait().await.unwrap();
}

fn main() {}
