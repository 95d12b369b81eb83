// errors: 1

use async_op::{Timer, async_op};

#[async_op]
fn async_ping(_timer: &Timer, _times: usize) {}

fn main() {}
