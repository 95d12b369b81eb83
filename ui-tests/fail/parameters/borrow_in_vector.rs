// errors: 1

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_join(_executor: &IoExecutor, names: Vec<&str>, op: Completion<fn(String)>) {
    op.complete(names.concat());
}

fn main() {}
