// errors: 1

#![deny(unused_must_use)]

use async_op::{Blocking, SystemExecutor, async_op};

#[must_use = "the sum is all there is to it"]
#[async_op(executor = SystemExecutor)]
async fn async_sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {
    async_sum(1, 2, Blocking);
}
