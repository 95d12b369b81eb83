// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().await.unwrap();
}

fn main() {}
