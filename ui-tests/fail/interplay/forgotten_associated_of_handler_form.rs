// errors: 1

use async_op::{Completion, IoExecutor, async_op};

struct Socket;

impl Socket {
    #[async_op]
    pub fn async_ping(_executor: &IoExecutor, op: Completion<fn()>) {
        op.complete();
    }
}

fn caller(executor: &IoExecutor) {
    Socket::ping(executor).detach();
}

fn main() {}
