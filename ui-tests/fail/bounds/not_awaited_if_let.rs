// errors: 1

use std::io;

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_half(_executor: &IoExecutor, n: u32) -> io::Result<u32> {
    Ok(n / 2)
}

fn caller(executor: &IoExecutor) {
    if let Ok(half) = half(executor, 1) {
        println!("{half}");
    }
}

fn main() {}
