// errors: 3 of 3 mistakes

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op(defualt = false, associated = true)]
fn async_ping(_timer: &mut Timer, op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {}
