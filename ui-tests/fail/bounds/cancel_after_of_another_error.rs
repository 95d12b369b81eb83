// errors: 2

use async_op::{Blocking, IoExecutor, async_op, cancel_after};
use std::time::Duration;

struct Refused;

#[async_op]
async fn async_query(_context: &IoExecutor) -> Result<u32, Refused> {
    Ok(1)
}

fn caller(context: &IoExecutor) {
    let second = Duration::from_secs(1);
    let _ = async_query(context, cancel_after(second, Blocking));
}

fn main() {}
