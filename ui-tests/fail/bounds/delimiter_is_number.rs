// errors: 1

use async_op::Blocking;
use async_op::io::async_read_until;
use async_op::net::TcpStream;

fn caller(stream: &TcpStream, buffer: Vec<u8>) {
    let _ = async_read_until(stream, buffer, 10u32, Blocking);
}

fn main() {}
