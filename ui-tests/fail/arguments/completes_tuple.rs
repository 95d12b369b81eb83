// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor, completes = (u32, bool))]
async fn async_ping() -> (u32, bool) {
    (1, true)
}

fn main() {
    ping().detach();
}
