// errors: 1

use async_op::{IoExecutor, spawn};

fn caller(executor: &IoExecutor) {
    spawn(executor, async { 1u8 }, 42);
}

fn main() {}
