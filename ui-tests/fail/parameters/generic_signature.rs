// errors: 1

use async_op::{Completion, async_op};
use async_op::time::Timer;

#[async_op]
fn async_ping<S>(_timer: &Timer, op: Completion<S>) {
    drop(op);
}

fn main() {}
