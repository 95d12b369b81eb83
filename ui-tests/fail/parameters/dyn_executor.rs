// errors: 1

use async_op::{Executor, SystemExecutor, async_op};

#[async_op]
async fn async_ping(executor: &dyn Executor) -> u32 {
    let _executor = executor;
    1
}

fn main() {
    ping(&SystemExecutor).detach();
}
