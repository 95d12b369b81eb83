// errors: 1

use async_op::executor::AnyExecutor;
use async_op::time::Timer;

fn caller(timer: &Timer) {
    let _ = timer;
    let _ = AnyExecutor::new(42);
}

fn main() {}
