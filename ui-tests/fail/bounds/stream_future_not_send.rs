// errors: 1

use async_op::io::{AsyncReadStream, ReadBuffer};
use async_op::{IoExecutor, IoObject};
use std::io;
use std::rc::Rc;

#[derive(Clone)]
struct Zeroes(IoExecutor);

impl IoObject for Zeroes {
    type Executor = IoExecutor;
    fn executor(&self) -> IoExecutor {
        self.0
    }
}

impl AsyncReadStream for Zeroes {
    async fn read_after<B: ReadBuffer>(&self, _buffer: &mut B, _skip: usize) -> io::Result<usize> {
        let count = Rc::new(1);
        std::future::ready(()).await;
        Ok(*count)
    }
}

fn main() {}
