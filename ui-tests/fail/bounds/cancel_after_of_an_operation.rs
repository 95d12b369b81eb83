// errors: 2

use async_op::{IoExecutor, async_op};
use std::time::Duration;

struct Report(u32);

#[async_op]
async fn async_count(_context: &IoExecutor) -> Report {
    Report(1)
}

fn caller(context: &IoExecutor) -> Report {
    count(context).cancel_after(Duration::from_secs(1)).blocking()
}

fn main() {}
