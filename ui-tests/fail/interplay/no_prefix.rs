// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn fetch(_executor: &IoExecutor) -> u32 {
    1
}

fn main() {}
