// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_2() {}

fn main() {}
