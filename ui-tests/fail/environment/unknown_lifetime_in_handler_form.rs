// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping(_timer: &Timer, name: &'static str, by: Option<&'b str>, op: Completion<fn(usize)>) {
    op.complete(name.len() + by.map_or(0, str::len));
}

fn main() {}
