// errors: 1

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(op: Completion<fn(u32) -> bool>) {
    op.complete(1);
}

fn main() {}
