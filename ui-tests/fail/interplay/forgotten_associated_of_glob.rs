// errors: 3

use async_op::*;
use std::io;

struct Gzip;

impl Gzip {
    #[async_op]
    async fn async_copy(_from: &TcpStream, _to: &TcpStream) -> io::Result<u64> {
        Ok(0)
    }
}

fn main() {}
