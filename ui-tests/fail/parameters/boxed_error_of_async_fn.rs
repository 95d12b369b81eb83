// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_load(_executor: &IoExecutor) -> Result<u32, Box<dyn std::error::Error>> {
    Ok("1".parse()?)
}

fn caller(executor: &IoExecutor) {
    load(executor).detach();
}

fn main() {}
