// errors: 1

use async_op::async_op;

#[async_op(completes = fn(u32, bool))]
async fn async_ping() {}

fn main() {
    ping().callback(|n, flag| println!("{n} {flag}"));
}
