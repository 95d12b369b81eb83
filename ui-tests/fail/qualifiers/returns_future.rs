// errors: 1

use async_op::async_op;

#[async_op]
fn async_ping() -> impl Future<Output = u32> {
    async { 1 }
}

fn main() {}
