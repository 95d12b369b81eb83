// errors: 1

use async_op::{IoExecutor, async_op};

mod tokio {
    pub use core::prelude::v1::test as main;
}

#[async_op]
#[tokio::main]
async fn async_run(_executor: &IoExecutor) {}

fn caller(executor: &IoExecutor) {
    run(executor).detach();
}

fn main() {}
