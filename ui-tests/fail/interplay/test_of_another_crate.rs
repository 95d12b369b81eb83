// errors: 1

use async_op::{SystemExecutor, async_op};

mod tokio {
    pub use core::prelude::v1::test;
}

#[async_op(executor = SystemExecutor)]
#[tokio::test]
async fn async_run() {}

fn main() {}
