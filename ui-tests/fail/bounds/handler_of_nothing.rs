// errors: 1

use async_op::Handler;
use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().with(Handler(42));
}

fn main() {}
