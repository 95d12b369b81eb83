// errors: 1

use async_op::{SystemExecutor, async_op};
use std::pin::Pin;

#[async_op]
fn async_ping(_executor: &SystemExecutor) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async { 1 })
}

fn main() {}
