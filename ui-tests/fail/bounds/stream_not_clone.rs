// errors: 1

use std::io;

use async_op::{IoObject, SystemExecutor};
use async_op::io::{AsyncWriteStream, WriteBuffer};

struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl AsyncWriteStream for Client {
    async fn write_after<B: WriteBuffer>(&self, _buffer: &mut B, _skip: usize) -> io::Result<usize> {
        Ok(0)
    }
}

fn main() {}
