// errors: 1

use async_op::Blocking;
use async_op::io::async_copy;
use async_op::net::TcpStream;

struct Theirs;

fn caller(from: &Theirs, to: &TcpStream) {
    let _ = async_copy(from, to, Blocking);
}

fn main() {}
