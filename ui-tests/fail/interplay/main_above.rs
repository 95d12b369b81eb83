// errors: 1

use async_op::{IoExecutor, async_op};
use tokio_macros as tokio;

#[tokio::main]
#[async_op]
async fn async_run(executor: &IoExecutor) -> u32 {
    let _executor = executor;
    1
}

fn caller(executor: &IoExecutor) -> u32 {
    run(executor).blocking()
}

fn main() {}
