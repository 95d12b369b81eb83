// errors: 1

use async_op::Blocking;
use async_op::io::async_read;
use async_op::net::TcpStream;

fn caller(stream: &TcpStream, buffer: Vec<u8>) {
    let _ = async_read(stream, buffer, 4, Blocking);
}

fn main() {}
