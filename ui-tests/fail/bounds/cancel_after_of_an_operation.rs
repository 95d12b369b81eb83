// errors: 1

use async_op::{IoExecutor, async_op};
use std::time::Duration;

#[async_op]
async fn async_count(_context: &IoExecutor) -> u32 {
    1
}

fn caller(context: &IoExecutor) -> u32 {
    count(context).cancel_after(Duration::from_secs(1)).blocking()
}

fn main() {}
