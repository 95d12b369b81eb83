// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;
use std::fmt::Display;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<fn(impl Display)>) {
    op.complete(1);
}

fn main() {}
