//! A TCP proxy that passes half-closed connections on as they are.
//!
//! Run it with `cargo run --example proxy`: it starts a server, a proxy before
//! it and some clients, checks what arrives, and exits.

use std::io;
use std::net::{Shutdown, SocketAddr};

use async_op::io::{copy, read_exact, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::{IoContext, IoExecutor, async_op, spawn};

const CLIENTS: usize = 20;
const LENGTH: usize = 300_000;

/// Copies one way until the end, and passes the end on.
#[async_op]
async fn async_relay(from: &TcpStream, to: &TcpStream) -> io::Result<usize> {
    let bytes = copy(from, to).await.into_result()?;
    // The other way may go on.
    to.shutdown(Shutdown::Write)?;
    Ok(bytes)
}

/// Connects every client to the server at `target`.
async fn proxy(listener: TcpListener, target: SocketAddr, clients: usize) -> io::Result<()> {
    let executor = async_op::IoObject::executor(&listener);
    for _ in 0..clients {
        let (client, _) = listener.accept().await?;
        let server = TcpStream::connect(&executor, target).await?;
        // Both ways at the same time, each by itself.
        relay(&client, &server).callback(report("to the server"));
        relay(&server, &client).callback(report("to the client"));
    }
    Ok(())
}

fn report(way: &'static str) -> impl FnOnce(io::Result<usize>) + Send + 'static {
    move |result| match result {
        Ok(bytes) => assert_eq!(bytes, LENGTH, "{way}"),
        Err(error) => panic!("{way}: {error}"),
    }
}

/// Answers with the whole request backwards, once that has come to its end.
async fn serve(listener: TcpListener, clients: usize) -> io::Result<()> {
    for _ in 0..clients {
        let (stream, _) = listener.accept().await?;
        let answer = async move {
            let mut text = vec![0; LENGTH];
            read_exact(&stream, &mut text).await?;
            // The end of the request is not the end of the connection.
            assert_eq!(stream.read_some([0]).await.0?, 0);
            text.reverse();
            write_all(&stream, text).await.0?;
            Ok(())
        };
        let executor = async_op::IoObject::executor(&listener);
        spawn(&executor, answer, |result: io::Result<()>| result.unwrap());
    }
    Ok(())
}

async fn fetch(executor: IoExecutor, proxy: SocketAddr, n: usize) -> io::Result<()> {
    let stream = TcpStream::connect(&executor, proxy).await?;
    let mut text: Vec<u8> = (0..LENGTH).map(|i| (i * n) as u8).collect();
    write_all(&stream, &text).await?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = vec![0; LENGTH];
    read_exact(&stream, &mut answer).await?;
    text.reverse();
    assert!(answer == text, "client {n} has got something else");
    assert_eq!(stream.read_some([0]).await.0?, 0);
    Ok(())
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let executor = context.executor();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = TcpListener::bind(&context, loopback)?;
    let listener = TcpListener::bind(&context, loopback)?;
    let (target, address) = (server.local_addr()?, listener.local_addr()?);

    spawn(
        &executor,
        serve(server, CLIENTS),
        |result: io::Result<()>| result.unwrap(),
    );
    let proxy = proxy(listener, target, CLIENTS);
    spawn(&executor, proxy, |result: io::Result<()>| result.unwrap());
    for n in 0..CLIENTS {
        let fetch = fetch(executor, address, n);
        spawn(&executor, fetch, |result: io::Result<()>| result.unwrap());
    }
    // Returns when there is nothing left to do.
    context.run();
    println!("{CLIENTS} clients have sent and received {LENGTH} bytes each");
    Ok(())
}
