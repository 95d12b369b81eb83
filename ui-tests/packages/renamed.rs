//! The package calls the runtime `other`. One error for each operation; there is none for
//! what is said, and none for callers.

use other::net::TcpStream;
use other::{Completion, IoExecutor, IoObject, async_op};

#[async_op]
pub async fn async_ping(_executor: &IoExecutor) -> u32 {
    1
}

#[async_op(crate = other)]
pub async fn async_named(_executor: &IoExecutor) -> u32 {
    1
}

#[derive(Clone)]
pub struct Socket(TcpStream);

impl Socket {
    #[async_op(executor = self.0.executor(), crate = other)]
    pub fn async_write(&self, n: usize, op: Completion<fn(usize)>) {
        op.complete(n);
    }
}

pub fn caller(executor: &IoExecutor) {
    ping(executor).blocking();
    named(executor).detach();
}
