// errors: 1

use async_op::{Completion, Timer, async_op};

type Signature = u32;

#[async_op]
fn async_ping(_timer: &Timer, _op: Completion<Signature>) {}

fn main() {}
