// errors: 1

use async_op::{Executor, IoExecutor};

fn caller(executor: &IoExecutor) {
    executor.post(|| println!("later"));
}

fn main() {}
