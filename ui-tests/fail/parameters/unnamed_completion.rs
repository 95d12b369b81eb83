// errors: 1

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(_: Completion<fn(u32)>) {}

fn main() {}
