// errors: 1

use async_op::{Completion, async_op};

#[async_op]
unsafe fn async_ping(op: Completion<fn()>) {
    op.complete();
}

fn main() {
    async_ping(|| println!("pong"));
}
