// errors: 1

use std::io::{self, Read};

use async_op::{Completion, IoExecutor, async_op};

#[async_op]
fn async_load(_executor: &IoExecutor, mut from: std::fs::File, op: Completion<fn(io::Result<usize>)>) {
    let mut total = 0;
    loop {
        match from.read(&mut [0; 64])? {
            0 => break,
            n => total += n,
        }
    }
    op.complete(Ok(total));
}

fn main() {}
