// errors: 1

use std::borrow::Cow;

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_open(_executor: &IoExecutor, name: Cow<'_, str>, op: Completion<fn(usize)>) {
    op.complete(name.len());
}

fn main() {}
