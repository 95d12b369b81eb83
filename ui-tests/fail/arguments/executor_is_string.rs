// errors: 1

use async_op::async_op;

#[async_op(executor = "system")]
async fn async_ping(id: u32) -> u32 {
    id
}

fn main() {}
