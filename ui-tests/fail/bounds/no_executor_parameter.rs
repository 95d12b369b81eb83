// errors: 1

use async_op::async_op;

#[async_op]
async fn async_ping(host: &str, times: u32) -> u32 {
    times + host.len() as u32
}

fn main() {}
