use std::io;
use std::net::Shutdown;

use async_op::io::{AsyncReadStream, AsyncWriteStream, ReadBuffer, Transport, WriteBuffer};
use async_op::{IoExecutor, IoObject};

use crate::net::{LocalStream, local_pair};

/// A stream as a user would write one around a socket: it can do what has to be, and no more.
#[derive(Clone, Debug)]
pub struct Yours(pub LocalStream);

impl Yours {
    /// Makes two that are connected to each other.
    pub fn pair(executor: &IoExecutor) -> (Self, Self) {
        let (a, b) = local_pair(executor);
        (Self(a), Self(b))
    }
}

impl IoObject for Yours {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.0.executor()
    }
}

impl AsyncReadStream for Yours {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        self.0.read_after(buffer, skip).await
    }
}

impl AsyncWriteStream for Yours {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        self.0.write_after(buffer, skip).await
    }
}

impl Transport for Yours {
    fn close(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
