// errors: 1

use async_op::{IoExecutor, async_op};

#[async_op(executor = &executor_of(id))]
async fn async_ping(id: u32) -> u32 {
    id
}

fn executor_of(_id: u32) -> IoExecutor {
    unimplemented!()
}

fn main() {}
