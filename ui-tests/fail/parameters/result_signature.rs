// errors: 1

use async_op::{Completion, async_op};
use std::io;

#[async_op]
fn async_ping(op: Completion<io::Result<usize>>) {
    op.complete(Ok(1));
}

fn main() {}
