// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping<'a>(_timer: &Timer, op: Completion<fn(&'a str)>) {
    op.complete("a");
}

fn main() {}
