// errors: 2

use async_op::bind_executor;
use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().with(bind_executor(42, |_: std::io::Result<()>| {}));
}

fn main() {}
