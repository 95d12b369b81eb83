// errors: 1

use async_op::{Handler, Timer};

fn caller(timer: &Timer) {
    timer.wait().with(Handler(42));
}

fn main() {}
