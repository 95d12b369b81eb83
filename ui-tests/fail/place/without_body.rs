// errors: 1

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_load(executor: &IoExecutor, op: Completion<fn(u32)>);

fn caller(executor: &IoExecutor) {
    load(executor).detach();
}

fn main() {}
