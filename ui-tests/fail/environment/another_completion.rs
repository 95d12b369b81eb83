// errors: 1

use async_op::{SystemExecutor, async_op};

struct Completion<S>(S);

#[async_op(executor = SystemExecutor)]
fn async_ping(op: Completion<fn(u32)>) {
    op.0(1);
}

fn main() {}
