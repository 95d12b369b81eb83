// errors: 2

use async_op::{Handler, IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

fn caller(executor: &IoExecutor) {
    async_double(executor, 1, Handler::<fn(u32)>);
}

fn main() {}
