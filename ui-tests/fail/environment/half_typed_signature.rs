// errors: 2

use async_op::{SystemExecutor, async_op};

#[async_op(executor = SystemExecutor)]
async fn async_ping(n: u32, m: ) -> u32 {
    n
}

fn main() {}
