// errors: 1

use async_op::{Completion, SystemExecutor, UseFuture, async_op};

#[async_op]
fn async_ping(_executor: &SystemExecutor, op: Completion<(u32, bool)>) {
    op.complete(1, true);
}

async fn caller() -> (u32, bool) {
    async_ping(&SystemExecutor, |n: u32, _: bool| println!("{n}"));
    ping(&SystemExecutor).callback(|n, _| println!("{n}"));
    async_ping(&SystemExecutor, UseFuture).await
}

fn main() {}
