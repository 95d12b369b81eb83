// errors: 8 of 8 mistakes

#![deny(unused_variables)]

use async_op::{Completion, Initiation, SystemExecutor, async_op};

#[async_op]
async fn async_open(executor: &SystemExecutor, unused: u8, n: usize) -> usize {
    n
}

#[async_op]
fn async_wait(executor: &SystemExecutor, op: Completion<fn(usize)>) {
    op.complete(1);
}

pub trait Stream {
    #[async_op(provided)]
    async fn async_read<'a>(
        &self,
        unused: &'a str,
        n: usize,
        format: usize,
        _permit: u8,
        _: u8,
        mut r#in: u8,
    ) -> String {
        r#in += 1;
        format!("{format} {}", n + 1)
    }

    #[async_op(provided)]
    async fn async_fill<'a>(&mut self, buf: &'a mut [u8], name: &str) {}

    #[async_op(provided)]
    fn async_close(&self, unused: u8, op: Completion<fn()>) {
        op.complete();
    }

    #[async_op]
    async fn async_len(&self, required: u8) -> usize;

    #[async_op(provided)]
    fn async_twice(&self, unused: u8) -> impl Initiation<fn(usize)> {
        wait(&SystemExecutor)
    }
}

fn main() {}
