// errors: 1

use async_op::{Blocking, TcpStream, async_copy};

struct Theirs;

fn caller(from: &Theirs, to: &TcpStream) {
    let _ = async_copy(from, to, Blocking);
}

fn main() {}
