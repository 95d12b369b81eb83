// errors: 1

use async_op::{IoExecutor, async_op};

trait Load {
    #[async_op]
    async fn async_load(executor: &IoExecutor) -> u32;
}

struct Disk;

impl Load for Disk {
    #[async_op]
    async fn async_load(_executor: &IoExecutor) -> u32 {
        1
    }
}

fn main() {}
