// errors: 2

use async_op::{Timer, bind_allocator};

fn caller(timer: &Timer) {
    timer.wait().with(bind_allocator(42, |_: std::io::Result<()>| {}));
}

fn main() {}
