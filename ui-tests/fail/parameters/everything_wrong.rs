// errors: 5 of 5 mistakes

use async_op::{Completion, async_op};

#[async_op]
fn async_ping((n, m): (u32, u32), buf: &mut [u8], op: Completion<fn(&str) -> bool>, last: u32) {
    drop((n, m, buf, op, last));
}

fn main() {}
