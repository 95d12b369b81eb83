// errors: 2

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_2() {}

#[async_op(executor = SystemExecutor)]
async fn async_self() {}

fn main() {}
