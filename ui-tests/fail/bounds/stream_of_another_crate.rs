// errors: 3

use async_op::read_exact;

struct Theirs;

async fn caller(stream: &Theirs, buffer: &mut [u8]) {
    let _ = read_exact(stream, buffer).await;
}

fn main() {}
