// errors: 1

use async_op::{Completion, Timer, async_op};

#[async_op]
fn async_ping<S>(_timer: &Timer, op: Completion<S>) {
    drop(op);
}

fn main() {}
