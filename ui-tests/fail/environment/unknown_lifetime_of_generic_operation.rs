// errors: 1

use async_op::async_op;
use async_op::time::Timer;

#[async_op]
async fn async_ping<T: Send>(_timer: &Timer, all: &'a [T]) -> usize {
    all.len()
}

async fn caller(timer: &Timer) -> usize {
    ping(timer, &[1]).await
}

fn main() {}
