// errors: 1

use async_op::async_op;

#[async_op]
fn async_ping() {}

fn main() {
    async_ping(|| println!("pong"));
}
