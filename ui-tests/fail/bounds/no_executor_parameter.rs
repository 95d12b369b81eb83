// errors: 1

use async_op::async_op;

struct Host(&'static str);

#[async_op]
async fn async_ping(host: Host, times: usize) -> usize {
    times + host.0.len()
}

fn main() {}
