// errors: 3

use async_op::io::read_exact;

struct Theirs;

async fn caller(stream: &Theirs, buffer: &mut [u8]) {
    let _ = read_exact(stream, buffer).await;
}

fn main() {}
