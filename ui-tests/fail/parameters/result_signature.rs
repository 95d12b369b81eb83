// errors: 1

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(op: Completion<std::io::Result<usize>>) {
    op.complete(Ok(1));
}

fn main() {}
