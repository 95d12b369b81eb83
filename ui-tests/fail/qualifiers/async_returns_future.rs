// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_tick(_timer: &Timer) -> impl Future<Output = u32> {
    async { 1 }
}

fn main() {}
