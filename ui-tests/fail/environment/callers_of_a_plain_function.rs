// errors: 1

use async_op::{SystemExecutor, UseFuture, async_op};

#[async_op]
fn async_ping(_executor: &SystemExecutor) -> u32 {
    1
}

async fn caller() -> u32 {
    async_ping(&SystemExecutor, |n: u32| println!("{n}"));
    ping(&SystemExecutor).callback(|n| println!("{n}"));
    ping(&SystemExecutor).await + async_ping(&SystemExecutor, UseFuture).await
}

fn main() {}
