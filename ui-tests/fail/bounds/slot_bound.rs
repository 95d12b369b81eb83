// errors: 1

use async_op::bind_cancellation_slot;
use async_op::time::Timer;

fn caller(timer: &Timer) {
    timer.wait().with(bind_cancellation_slot(42, |_: std::io::Result<()>| {}));
}

fn main() {}
