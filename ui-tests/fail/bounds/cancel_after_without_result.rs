// errors: 4

use async_op::{Blocking, IoExecutor, async_op, cancel_after};
use std::time::Duration;

struct Refused;

#[async_op]
async fn async_count(_context: &IoExecutor) -> u32 {
    1
}

#[async_op]
async fn async_query(_context: &IoExecutor) -> Result<u32, Refused> {
    Ok(1)
}

fn caller(context: &IoExecutor) {
    let second = Duration::from_secs(1);
    async_count(context, cancel_after(second, Blocking));
    let _ = async_query(context, cancel_after(second, Blocking));
}

fn main() {}
