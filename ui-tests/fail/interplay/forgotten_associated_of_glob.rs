// errors: 3

use async_op::*;
use std::io;

struct Gzip;

impl Gzip {
    #[async_op]
    async fn async_copy(_from: &TcpStream, _to: &TcpStream) -> io::Result<u64> {
        Ok(0)
    }

    #[async_op]
    fn async_wait(_executor: &IoExecutor, op: Completion<fn(u8)>) {
        op.complete(0);
    }

    #[async_op]
    fn async_tick(timer: &Timer) -> impl Initiation<fn(u8)> {
        timer.wait().map(|_| 0)
    }
}

fn main() {}
