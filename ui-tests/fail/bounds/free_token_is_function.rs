// errors: 2

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

fn done(n: u64) {
    drop(n);
}

fn caller(executor: &IoExecutor) {
    async_double(executor, 1, done);
}

fn main() {}
