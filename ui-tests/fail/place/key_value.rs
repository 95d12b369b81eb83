// errors: 1

use async_op::async_op;

#[async_op = "executor"]
async fn async_ping() {}

fn main() {}
