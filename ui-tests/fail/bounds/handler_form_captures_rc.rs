// errors: 1

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_echo(_executor: &IoExecutor, n: u32, op: Completion<fn(u32)>) {
    op.complete(n);
}

fn caller(executor: &IoExecutor) {
    let sum = std::rc::Rc::new(1);
    async_echo(executor, 1, move |n: u32| drop(n + *sum));
}

fn main() {}
