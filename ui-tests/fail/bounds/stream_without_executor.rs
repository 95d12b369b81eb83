// errors: 1

use std::io;

use async_op::io::{AsyncReadStream, ReadBuffer};

#[derive(Clone)]
struct Zeroes;

impl AsyncReadStream for Zeroes {
    async fn read_after<B: ReadBuffer>(&self, _buffer: &mut B, _skip: usize) -> io::Result<usize> {
        Ok(0)
    }
}

fn main() {}
