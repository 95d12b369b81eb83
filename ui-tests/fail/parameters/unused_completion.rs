// errors: 1

#![deny(unused_variables)]

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(op: Completion<fn(u32)>) {}

fn main() {
    ping().detach();
}
