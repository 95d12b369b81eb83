// errors: 3 of 3 mistakes

use async_op::{Completion, async_op};

#[async_op]
const unsafe extern "C" fn async_ping(op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {
    ping().detach();
}
