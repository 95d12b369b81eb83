// errors: 1

use std::error::Error;

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_load(_executor: &IoExecutor) -> Result<u32, Box<dyn Error + 'static>> {
    Ok(1)
}

fn main() {}
