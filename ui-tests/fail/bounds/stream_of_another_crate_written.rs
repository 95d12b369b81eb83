// errors: 1

use async_op::Blocking;
use async_op::io::async_write_all;

struct Theirs;

fn caller(stream: &Theirs) {
    let _ = async_write_all(stream, vec![1u8], Blocking);
}

fn main() {}
