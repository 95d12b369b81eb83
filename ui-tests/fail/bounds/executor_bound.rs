// errors: 2

use async_op::{Timer, bind_executor};

fn caller(timer: &Timer) {
    timer.wait().with(bind_executor(42, |_: std::io::Result<()>| {}));
}

fn main() {}
