// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;
use std::borrow::Cow;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<fn(Cow<'_, str>)>) {
    op.complete("a".into());
}

fn main() {}
