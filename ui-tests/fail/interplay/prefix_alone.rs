// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_(_executor: &IoExecutor) {}

fn main() {}
