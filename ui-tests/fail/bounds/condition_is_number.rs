// errors: 1

use async_op::{Blocking, TcpStream, async_read};

fn caller(stream: &TcpStream, buffer: Vec<u8>) {
    let _ = async_read(stream, buffer, 4, Blocking);
}

fn main() {}
