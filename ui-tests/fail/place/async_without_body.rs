// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
pub async fn async_load(executor: &IoExecutor) -> u32;

fn main() {}
