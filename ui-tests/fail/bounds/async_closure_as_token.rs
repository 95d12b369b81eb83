// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_count(_context: &IoExecutor, n: u32) -> u32 {
    n
}

fn caller(context: &IoExecutor) {
    async_count(context, 1, async |n: u32| drop(n));
}

fn main() {}
