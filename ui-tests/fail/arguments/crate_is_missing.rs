// errors: 1

use async_op::async_op;

#[async_op(crate = nowhere, executor = async_op::SystemExecutor)]
async fn async_ping(n: u32) -> u32 {
    n
}

fn main() {

}
