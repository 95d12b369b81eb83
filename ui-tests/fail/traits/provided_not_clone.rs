// errors: 2

use async_op::{SystemExecutor, async_op};

trait Read {
    #[async_op(executor = SystemExecutor, provided)]
    async fn async_len(&self) -> usize {
        1
    }
}

struct Socket;

impl Read for Socket {}

fn main() {
    Socket.len().detach();
}
