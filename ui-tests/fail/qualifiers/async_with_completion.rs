// errors: 1

use async_op::{Completion, async_op};

#[async_op]
async fn async_ping(op: Completion<fn(u32)>) {
    op.complete(1);
}

fn main() {
    async_ping(|n: u32| println!("{n}"));
}
