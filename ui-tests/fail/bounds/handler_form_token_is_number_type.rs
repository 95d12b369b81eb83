// errors: 2

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_echo(_executor: &IoExecutor, n: u32, op: Completion<fn(u32)>) {
    op.complete(n);
}

fn caller(executor: &IoExecutor) {
    async_echo(executor, 1, u32::from);
}

fn main() {}
