// errors: 3

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

async fn caller(executor: &IoExecutor) -> Result<u32, ()> {
    Ok(async_double(executor, 1, 42).await?)
}

fn main() {}
