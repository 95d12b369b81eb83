// errors: 2 of 2 mistakes

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(a: Completion<fn(u32)>, b: Completion<fn()>, c: Completion<fn()>) {
    drop((b, c));
    a.complete(1);
}

fn main() {}
