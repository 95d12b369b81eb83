// errors: 1

use async_op::{CompletionToken, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping(timer: &Timer, token: impl CompletionToken<'static, fn(u32)>) {
    drop((timer, token));
}

fn main() {}
