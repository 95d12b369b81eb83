// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<fn(Result<u32, Error>)>) {
    op.complete(Ok(1));
}

fn main() {}
