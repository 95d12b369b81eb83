// errors: 2

use async_op::net::TcpStream;

fn caller(stream: &TcpStream) {
    let buffer = vec![0; 8];
    stream.read_some(&buffer).blocking();
}

fn main() {}
