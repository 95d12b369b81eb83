use async_op::IoExecutor;
use async_op::io::{read_to_end, write_all};
use async_op::net::TcpStream;
use async_op::net::tls::Connector;
use async_op::net::tls::rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;

async fn fetch(
    executor: &IoExecutor,
    address: SocketAddr,
    roots: RootCertStore,
) -> io::Result<Vec<u8>> {
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(executor, address).await?;
    let stream = Connector::from(config).connect(stream, "example.org").await?;
    write_all(&stream, "GET / HTTP/1.0\r\nhost: example.org\r\n\r\n").await?;
    let (result, page) = read_to_end(&stream, Vec::new()).await;
    result?;
    stream.finish().await?;
    Ok(page)
}
