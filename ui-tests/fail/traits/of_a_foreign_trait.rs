// errors: 1

use std::io;

use async_op::{IoObject, SystemExecutor, async_op};
use async_op::io::{AsyncReadStream, ReadBuffer};

#[derive(Clone)]
struct Client;

impl IoObject for Client {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl AsyncReadStream for Client {
    #[async_op]
    async fn read_after<B: ReadBuffer>(&self, _buffer: &mut B, _skip: usize) -> io::Result<usize> {
        Ok(0)
    }
}

fn main() {}
