// errors: 1

use async_op::{Completion, async_op};

#[unsafe(no_mangle)]
#[async_op]
fn async_ping(op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {
    ping().detach();
}
