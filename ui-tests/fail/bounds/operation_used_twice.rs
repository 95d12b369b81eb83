// errors: 1

use async_op::time::Timer;

fn caller(timer: &Timer) {
    let wait = timer.wait();
    wait.detach();
    wait.detach();
}

fn main() {}
