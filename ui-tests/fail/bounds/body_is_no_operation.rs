// errors: 1

use async_op::{Initiation, Timer, async_op};

#[async_op]
fn async_tick(_timer: &Timer) -> impl Initiation<fn(u32)> {
    42
}

fn main() {}
