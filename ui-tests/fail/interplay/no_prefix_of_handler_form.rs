// errors: 1

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn fetch(_executor: &IoExecutor, op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {}
