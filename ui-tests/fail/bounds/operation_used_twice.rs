// errors: 1

use async_op::Timer;

fn caller(timer: &Timer) {
    let wait = timer.wait();
    wait.detach();
    wait.detach();
}

fn main() {}
