// errors: 1

use async_op::{SystemExecutor, async_op};
use std::pin::Pin;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[async_op]
fn async_ping(_executor: &SystemExecutor) -> BoxFuture<'_, u32> {
    Box::pin(async { 1 })
}

fn main() {}
