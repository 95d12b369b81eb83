// errors: 1

use async_op::{IoContext, async_op};

#[async_op]
async fn async_ping(context: &IoContext) {
    let _ = context;
}

fn main() {}
