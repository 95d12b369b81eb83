// errors: 1

use async_op::{Completion, async_op};

fn async_ping(#[async_op] op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {}
