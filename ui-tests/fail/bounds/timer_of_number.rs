// errors: 1

use async_op::Timer;

fn caller(timer: &Timer) {
    let _ = timer;
    let _ = Timer::new(&42);
}

fn main() {}
