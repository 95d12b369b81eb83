// errors: 1

use async_op::{Blocking, TcpStream, async_read_until};

fn caller(stream: &TcpStream, buffer: Vec<u8>) {
    let _ = async_read_until(stream, buffer, 10u32, Blocking);
}

fn main() {}
