// errors: 1

use async_op::net::TcpStream;

fn caller(stream: &TcpStream) {
    let _ = stream.write_some(42);
}

fn main() {}
