// errors: 1

use async_op::async_op;
use async_op::net::TcpStream;

#[async_op]
async fn async_read<'a>(stream: &TcpStream, buf: &'a mut [u8]) -> usize {
    stream.read_some(buf).await.unwrap_or(0)
}

fn caller(stream: &TcpStream) -> impl Future<Output = usize> {
    let mut buf = [0; 4];
    async_read(stream, &mut buf, async_op::UseFuture)
}

fn main() {}
