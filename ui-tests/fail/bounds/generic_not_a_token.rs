// errors: 2

use async_op::{IoExecutor, async_op};

#[async_op]
async fn async_echo<T: Send>(_executor: &IoExecutor, value: T) -> T {
    value
}

fn caller(executor: &IoExecutor) {
    async_echo(executor, 1u8, 42);
}

fn main() {}
