// errors: 1

use async_op::net::TcpListener;
use async_op::net::TcpStream;
use std::io;

fn caller(listener: &TcpListener) {
    listener.async_accept(|_error: Option<io::Error>, _peer: TcpStream| {});
}

fn main() {}
