// errors: 1

use async_op::{Completion, async_op};

#[async_op]
fn async_ping(op: Completion<fn(u8, u8, u8, u8, u8, u8, u8, u8, char)>) {
    op.complete(1, 2, 3, 4, 5, 6, 7, 8, '9');
}

fn main() {}
