// errors: 1

use async_op::{SystemExecutor, async_op};

trait Read {
    #[async_op(executor = SystemExecutor)]
    async fn async_len(&self) -> usize;
}

struct Socket;

impl Read for Socket {
    #[async_op(implements)]
    default async fn async_len(&self) -> usize {
        1
    }
}

fn main() {}
