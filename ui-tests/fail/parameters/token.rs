// errors: 1

use async_op::{CompletionToken, Timer, async_op};

#[async_op]
fn async_ping(timer: &Timer, token: impl CompletionToken<'static, fn(u32)>) {
    drop((timer, token));
}

fn main() {}
