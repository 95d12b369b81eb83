// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<for<'a> fn(&'a str)>) {
    op.complete("a");
}

fn main() {}
