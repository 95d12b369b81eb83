// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor, completes = fn() -> u32)]
async fn async_ping() -> u32 {
    1
}

fn main() {
    ping().detach();
}
