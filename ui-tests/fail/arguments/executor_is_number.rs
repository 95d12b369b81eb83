// errors: 1

use async_op::{Completion, async_op};

#[async_op(executor = 1)]
fn async_ping(op: Completion<fn()>) {
    op.complete();
}

fn main() {}
