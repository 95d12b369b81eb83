// errors: 1

use async_op::{Detached, IoExecutor, spawn};

fn caller(executor: &IoExecutor) {
    spawn(executor, || {}, Detached);
}

fn main() {}
