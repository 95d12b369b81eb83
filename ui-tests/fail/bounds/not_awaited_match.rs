// errors: 1

use std::io;

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_half(_executor: &IoExecutor, n: u32) -> io::Result<u32> {
    Ok(n / 2)
}

fn caller(executor: &IoExecutor) -> u32 {
    match half(executor, 1) {
        Ok(half) => half,
        _ => 0,
    }
}

fn main() {}
