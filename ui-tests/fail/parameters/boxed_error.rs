// errors: 1

use std::error::Error;

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_load(_executor: &IoExecutor, op: Completion<fn(Result<u32, Box<dyn Error>>)>) {
    op.complete(Ok(1));
}

fn caller(executor: &IoExecutor) {
    load(executor).detach();
}

fn main() {}
