// errors: 1

use async_op::{SystemExecutor, async_op};

struct Socket;

#[async_op(executor = SystemExecutor)]
impl Socket {
    async fn async_read(&self) -> usize {
        1
    }

    async fn async_write(&self) -> usize {
        1
    }
}

fn main() {}
