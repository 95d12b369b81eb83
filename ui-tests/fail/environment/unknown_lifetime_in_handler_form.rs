// errors: 1

use async_op::{Completion, Timer, async_op};

#[async_op]
fn async_ping(_timer: &Timer, name: &'static str, by: Option<&'b str>, op: Completion<fn(usize)>) {
    op.complete(name.len() + by.map_or(0, str::len));
}

fn main() {}
