// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;
use std::rc::Rc;

#[async_op]
fn async_ping(_timer: &Timer, count: Rc<u32>, op: Completion<fn(u32)>) {
    op.complete(*count);
}

fn main() {}
