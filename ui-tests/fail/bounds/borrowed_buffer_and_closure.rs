// errors: 1

use async_op::net::TcpStream;
use std::io;

fn caller(stream: &TcpStream) {
    let mut buf = [0; 16];
    stream.async_read_some(&mut buf[..], |result: io::Result<usize>| println!("{result:?}"));
}

fn main() {}
