// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
fn async_ping(op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {}
