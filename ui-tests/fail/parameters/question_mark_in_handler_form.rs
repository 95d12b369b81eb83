// errors: 1

use std::num::ParseIntError;

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_parse(_executor: &IoExecutor, n: String, op: Completion<fn(Result<u32, ParseIntError>)>) {
    let n = n.parse()?;
    op.complete(Ok(n));
}

fn main() {}
