// errors: 2

use async_op::{Blocking, IoExecutor, async_op, cancel_after};
use std::time::Duration;

struct Report(u32);

#[async_op]
async fn async_count(_context: &IoExecutor) -> Report {
    Report(1)
}

fn caller(context: &IoExecutor) {
    let second = Duration::from_secs(1);
    async_count(context, cancel_after(second, Blocking));
}

fn main() {}
