// errors: 1

use async_op::{Timer, bind_cancellation_slot};

fn caller(timer: &Timer) {
    timer.wait().with(bind_cancellation_slot(42, |_: std::io::Result<()>| {}));
}

fn main() {}
