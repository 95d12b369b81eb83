// errors: 1

use async_op::{Completion, Timer, async_op};
use std::fmt::Display;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<fn(impl Display)>) {
    op.complete(1);
}

fn main() {}
