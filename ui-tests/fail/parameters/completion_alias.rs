// errors: 1

use async_op::{Completion, Timer, async_op};

type Done = Completion<fn(u32)>;

#[async_op]
fn async_ping(_timer: &Timer, op: Done) {
    op.complete(1);
}

fn main() {}
