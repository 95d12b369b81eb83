// errors: 1

use async_op::{IoExecutor, async_op};

struct Socket;

impl Socket {
    #[async_op]
    async fn async_ping(_executor: &IoExecutor) {}
}

fn main() {}
