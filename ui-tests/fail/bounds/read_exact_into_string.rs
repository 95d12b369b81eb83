// errors: 2

use async_op::io::read_exact;
use async_op::net::TcpStream;

fn caller(stream: &TcpStream) {
    let mut text = String::new();
    read_exact(stream, &mut text).blocking();
}

fn main() {}
