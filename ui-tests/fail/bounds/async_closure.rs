// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().callback(async |result| drop(result));
}

fn main() {}
