// errors: 1

use async_op::{Timer, async_op};

#[async_op]
async fn async_tick(timer: &Timer) -> bool {
    timer.wait().is_ok()
}

fn main() {}
