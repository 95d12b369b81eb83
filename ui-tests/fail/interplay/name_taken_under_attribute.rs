// errors: 1

use async_op::{SystemExecutor, async_op};

#[inline]
fn count() {}

#[async_op(executor = SystemExecutor)]
async fn async_count() -> u32 {
    1
}

fn main() {}
