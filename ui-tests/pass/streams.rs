//! A stream of one's own, and functions that are generic over streams.

#![deny(warnings)]

use std::io;

use async_op::{IoObject, SystemExecutor, async_op};
use async_op::io::{
    AsyncReadStream, AsyncWriteStream, ReadBuffer, WriteBuffer, read_exact, write_all,
};

/// Reads zeroes, and writes nowhere.
#[derive(Clone)]
pub struct Null;

impl IoObject for Null {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl AsyncReadStream for Null {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        let part = buffer.after(skip);
        part.fill(0);
        Ok(part.len())
    }
}

impl AsyncWriteStream for Null {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        Ok(buffer.after(skip).len())
    }
}

/// What a stream is says that it can be copied and sent.
#[async_op]
pub async fn async_exchange<S: AsyncReadStream + AsyncWriteStream>(
    stream: &S,
    request: Vec<u8>,
) -> io::Result<[u8; 4]> {
    let (result, _) = write_all(stream, request).await;
    result?;
    let mut response = [1; 4];
    read_exact(stream, &mut response).await?;
    Ok(response)
}

fn main() {
    assert_eq!(exchange(&Null, vec![1]).blocking().unwrap(), [0; 4]);
}
