// errors: 1

use async_op::async_op;

#[async_op]
async fn async_ping(host: String, times: usize) -> usize {
    times + host.len()
}

fn main() {}
