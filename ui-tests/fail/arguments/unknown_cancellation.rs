// errors: 1

use async_op::{SystemExecutor, async_op};

#[async_op(cancellation = partail)]
async fn async_ping(_executor: &SystemExecutor) -> u32 {
    1
}

fn main() {
    ping(&SystemExecutor).detach();
}
