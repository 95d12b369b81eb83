// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_tick(timer: &Timer) -> bool {
    timer.wait().await.is_ok();
}

fn main() {}
