// errors: 1

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(pong: Completion<fn(u32)>, lost: Completion<fn()>) {
    drop(lost);
    pong.complete(1);
}

fn main() {}
