// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_fill(_executor: &IoExecutor, buffer: &mut [u8]) -> usize {
    buffer.len()
}

fn caller(executor: &IoExecutor) {
    let mut buffer = [0; 4];
    async_fill(executor, &mut buffer, |n: usize| drop(n));
}

fn main() {}
