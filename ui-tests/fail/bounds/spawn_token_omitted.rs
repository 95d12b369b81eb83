// errors: 1

use async_op::{IoExecutor, spawn};

fn caller(executor: &IoExecutor) {
    spawn(executor, async {});
}

fn main() {}
