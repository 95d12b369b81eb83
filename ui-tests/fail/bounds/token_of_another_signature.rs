// errors: 4

use async_op::{CompletionToken, IoExecutor, async_op};

#[async_op]
async fn async_double(_executor: &IoExecutor, n: u32) -> u32 {
    2 * n
}

fn caller<T: CompletionToken<'static, fn(u64)>>(executor: &IoExecutor, token: T) {
    async_double(executor, 1, token);
}

fn main() {}
