// errors: 1

use async_op::{Timer, async_op};

#[async_op]
async fn async_tick(_timer: &Timer) -> impl Future<Output = u32> {
    async { 1 }
}

fn main() {}
