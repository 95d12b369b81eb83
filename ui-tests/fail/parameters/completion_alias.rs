// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

type Done = Completion<fn(u32)>;

#[async_op]
fn async_ping(_timer: &Timer, op: Done) {
    op.complete(1);
}

fn main() {}
