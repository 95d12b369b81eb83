// errors: 1

use async_op::{Completion, SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_ping() -> u32 {
    1
}

/// The same in another form.
#[async_op(executor = SystemExecutor)]
fn async_ping(op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {
    ping().detach();
}
