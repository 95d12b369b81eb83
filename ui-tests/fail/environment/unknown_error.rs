// errors: 1

use async_op::{Completion, Timer, async_op};

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<fn(Result<u32, Error>)>) {
    op.complete(Ok(1));
}

fn main() {}
