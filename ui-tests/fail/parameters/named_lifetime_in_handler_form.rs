// errors: 1

use async_op::{Completion, Timer, async_op};

#[async_op]
fn async_ping<'a>(_timer: &Timer, op: Completion<fn(&'a str)>) {
    op.complete("a");
}

fn main() {}
