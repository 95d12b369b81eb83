// errors: 1

use async_op::{IoExecutor, async_op};

struct Socket;

impl Socket {
    #[async_op]
    async fn async_ping(_executor: &IoExecutor, n: u32) -> u32 {
        n
    }
}

async fn caller(executor: &IoExecutor) -> u32 {
    Socket::ping(executor, 1).await
}

fn main() {}
