// errors: 3 of 3 mistakes

use async_op::{Completion, Timer, async_op};

#[async_op(defualt = false, associated = true)]
fn async_ping(_timer: &mut Timer, op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {}
