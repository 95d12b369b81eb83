// errors: 1

use async_op::async_op;

#[async_op(default = false, default_token = async_op::Blocking)]
async fn async_ping(n: u32) -> u32 {
    n
}

fn main() {
    let _ = async_ping(1, async_op::UseFuture);
}
