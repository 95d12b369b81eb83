// errors: 1

use async_op::{CompletionToken, SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_ping() -> u32 {
    1
}

fn caller<T: CompletionToken<fn(u32)>>(token: T) {
    async_ping(token);
}

fn main() {}
