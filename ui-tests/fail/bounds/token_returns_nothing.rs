// errors: 1

use async_op::{CompletionToken, SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_ping() -> u32 {
    1
}

fn caller<T: CompletionToken<'static, fn(u32)>>(token: T) -> T::Return {
    async_ping(token)
}

fn main() {}
