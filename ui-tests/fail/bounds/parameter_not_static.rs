// errors: 1

use async_op::{Completion, SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
fn async_echo<T: Send>(value: T, op: Completion<fn(T)>) {
    op.complete(value);
}

fn main() {}
