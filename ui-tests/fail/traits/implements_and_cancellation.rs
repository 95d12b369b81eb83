// errors: 1

use async_op::{SystemExecutor, async_op};

trait Read {
    #[async_op(executor = SystemExecutor)]
    async fn async_len(&self) -> usize;
}

#[derive(Clone)]
struct Socket;

impl Read for Socket {
    #[async_op(implements, cancellation = total)]
    async fn async_len(&self) -> usize {
        1
    }
}

fn main() {}
