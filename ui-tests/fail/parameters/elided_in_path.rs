// errors: 1

use async_op::{Completion, Timer, async_op};
use std::borrow::Cow;

#[async_op]
fn async_ping(_timer: &Timer, op: Completion<fn(Cow<'_, str>)>) {
    op.complete("a".into());
}

fn main() {}
