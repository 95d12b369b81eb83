// errors: 1

use async_op::{SystemExecutor, async_op};

#[cfg(all())]
fn count() {}

#[async_op(executor = SystemExecutor)]
async fn async_count() -> u32 {
    1
}

fn main() {}
