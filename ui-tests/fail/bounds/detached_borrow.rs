// errors: 1

use async_op::net::TcpStream;

fn caller(stream: &TcpStream) {
    let mut buf = [0; 16];
    stream.read_some(&mut buf[..]).detach();
}

fn main() {}
