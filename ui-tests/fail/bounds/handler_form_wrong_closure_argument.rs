// errors: 1

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_echo(_executor: &IoExecutor, n: u32, op: Completion<fn(u32, bool)>) {
    op.complete(n, true);
}

fn caller(executor: &IoExecutor) {
    async_echo(executor, 1, |n: u32| drop(n));
}

fn main() {}
