//! Other libraries on our sockets, and our operations in other runtimes.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use async_op::executor::{TokioExecutor, post_call};
use async_op::io::{FuturesIo, TokioIo, copy, read_exact, read_until, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::time::Timer;
use async_op::{Blocking, IoContext, IoExecutor, SystemExecutor, async_op, spawn};
use async_op_tests::net::local_pair;
use async_op_tests::{panic_of, without_hanging};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Serves HTTP/1 on every connection.
async fn serve(listener: TcpListener, executor: IoExecutor) -> io::Result<()> {
    async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let text = format!("{path} with {} bytes\n", body.len());
        Ok(Response::new(Full::new(Bytes::from(text))))
    }

    loop {
        let (stream, _) = listener.accept().await?;
        let stream = hyper_util::rt::TokioIo::new(stream.into_poll_io());
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(stream, service_fn(answer));
        spawn(&executor, connection, |result: hyper::Result<()>| {
            result.unwrap()
        });
    }
}

/// Runs `client` while a server of HTTP runs on a context of its own.
fn with_http_server(client: impl FnOnce(SocketAddr) + Send + 'static) {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let listener = TcpListener::bind(&context, loopback()).unwrap();
        let address = listener.local_addr().unwrap();
        spawn(&executor, serve(listener, executor), |_: io::Result<()>| ());
        std::thread::scope(|scope| {
            let server = scope.spawn(|| context.run());
            client(address);
            context.stop();
            server.join().unwrap();
        });
    });
}

#[test]
fn curl_fetches_from_hyper() {
    with_http_server(|address| {
        let url = format!("http://{address}/some/path");
        let fetch = || {
            Command::new("curl")
                .args([
                    "--silent",
                    "--show-error",
                    "--max-time",
                    "20",
                    "--noproxy",
                    "*",
                ])
                .args(["--data", "hello", &url])
                .output()
        };
        match fetch() {
            Ok(output) => {
                assert!(output.status.success(), "{output:?}");
                assert_eq!(output.stdout, b"/some/path with 5 bytes\n");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                eprintln!("curl is not installed: asking by hand");
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream
                    .write_all(b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                    .unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                assert!(answer.ends_with("/x with 0 bytes\n"), "{answer}");
            }
            Err(error) => panic!("{error}"),
        }
    });
}

#[test]
fn hyper_fetches_from_hyper() {
    with_http_server(|address| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let client = async move {
            let stream = TcpStream::connect(&executor, address).await.unwrap();
            let stream = hyper_util::rt::TokioIo::new(stream.into_poll_io());
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(stream).await.unwrap();
            spawn(&executor, connection, |result: hyper::Result<()>| {
                result.unwrap()
            });
            let mut lengths = Vec::new();
            // One connection, kept alive; a body larger than any buffer.
            for len in [0, 1, 1_000_000] {
                let body = Full::new(Bytes::from(vec![b'x'; len]));
                let request = Request::post("/").header("host", "x").body(body).unwrap();
                let response = sender.send_request(request).await.unwrap();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, format!("/ with {len} bytes\n"));
                lengths.push(len);
            }
            lengths.len()
        };
        let (sender, receiver) = mpsc::channel();
        spawn(&executor, client, move |n: usize| sender.send(n).unwrap());
        context.run();
        assert_eq!(receiver.try_recv(), Ok(3));
    });
}

/// Both ends of TLS, for a host of the name "localhost".
fn tls() -> (TlsAcceptor, TlsConnector) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = pair.cert.der().clone();
    let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server).into(), Arc::new(client).into())
}

/// Sends each line back in capitals, until the end.
#[async_op]
async fn async_shout<S>(stream: &S) -> io::Result<usize>
where
    S: async_op::io::AsyncReadStream + async_op::io::AsyncWriteStream + Clone + Send + 'static,
{
    let mut buffer = Vec::new();
    for lines in 0.. {
        let end = match read_until(stream, &mut buffer, b'\n').await {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(lines),
            Err(error) => return Err(error),
        };
        let line: Vec<u8> = buffer.drain(..end).collect();
        write_all(stream, line.to_ascii_uppercase()).await.0?;
    }
    unreachable!("there is an end")
}

#[test]
fn tls_on_both_ends() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let (acceptor, connector) = tls();
        let listener = TcpListener::bind(&context, loopback()).unwrap();
        let address = listener.local_addr().unwrap();

        let server = async move {
            let (stream, _) = listener.accept().await?;
            let stream = acceptor.accept(stream.into_poll_io()).await?;
            // An operation of ours, over TLS over a socket of ours.
            shout(&TokioIo::new(executor, stream)).await
        };
        let client = async move {
            let stream = TcpStream::connect(&executor, address).await?;
            let name = ServerName::try_from("localhost").unwrap();
            let stream = connector.connect(name, stream.into_poll_io()).await?;
            let stream = TokioIo::new(executor, stream);
            for text in ["hello\n", "world\n"] {
                write_all(&stream, text).await?;
                let mut buffer = [0; 6];
                read_exact(&stream, &mut buffer).await?;
                assert_eq!(buffer, text.to_ascii_uppercase().as_bytes());
            }
            let mut stream = stream.into_inner().unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await
        };
        let (sender, receiver) = mpsc::channel();
        spawn(&executor, server, move |lines: io::Result<usize>| {
            sender.send(lines.unwrap()).unwrap();
        });
        spawn(&executor, client, |result: io::Result<()>| result.unwrap());
        context.run();
        assert_eq!(receiver.try_recv(), Ok(2));
    });
}

#[test]
fn futures_io_both_ways() {
    without_hanging(|| {
        pollster::block_on(async {
            use futures_lite::{AsyncReadExt, AsyncWriteExt};

            let (ours, theirs) = local_pair(&SystemExecutor);
            let mut theirs = theirs.into_poll_io();
            let text = vec![b'x'; 1_000_000];
            let write = async {
                write_all(&ours, &text).await.unwrap();
                ours.shutdown(std::net::Shutdown::Write).unwrap();
            };
            let mut read = Vec::new();
            let (_, result) = futures_lite::future::zip(write, theirs.read_to_end(&mut read)).await;
            assert_eq!(result.unwrap(), 1_000_000);
            theirs.write_all(b"back").await.unwrap();
            theirs.close().await.unwrap();
            let wrapped = FuturesIo::new(SystemExecutor, ours.into_poll_io());
            let mut back = [0; 4];
            read_exact(&wrapped, &mut back).await.unwrap();
            assert_eq!(&back, b"back");
            let error = read_exact(&wrapped, &mut back).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        });
    });
}

/// A line there and back, by operations of ours.
async fn a_program() {
    let (a, b) = local_pair(&SystemExecutor);
    let timer = Timer::new(&SystemExecutor);
    timer.expires_after(Duration::from_micros(50));
    timer.wait().await.unwrap();
    write_all(&a, "hello\n").await.unwrap();
    a.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(shout(&b).await.unwrap(), 1);
    let mut buffer = [0; 6];
    read_exact(&a, &mut buffer).await.unwrap();
    assert_eq!(&buffer, b"HELLO\n");
}

#[test]
fn a_program_in_any_runtime() {
    without_hanging(|| {
        pollster::block_on(a_program());
        smol::block_on(async { smol::spawn(a_program()).await });
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(a_program());
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        runtime.block_on(async { tokio::spawn(a_program()).await.unwrap() });
    });
}

#[cfg(unix)]
#[test]
fn our_operations_on_a_socket_of_tokio() {
    without_hanging(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async {
            let home = TokioExecutor::new(tokio::runtime::Handle::current());
            let (a, b) = tokio::net::UnixStream::pair().unwrap();
            let (a, b) = (TokioIo::new(home.clone(), a), TokioIo::new(home, b));
            let (sender, receiver) = tokio::sync::oneshot::channel();
            // With a callback, run by tokio.
            async_shout(&b, move |lines: io::Result<usize>| {
                sender.send(lines.unwrap()).unwrap();
            });
            write_all(&a, "one\ntwo\n").await.unwrap();
            let mut buffer = [0; 8];
            read_exact(&a, &mut buffer).await.unwrap();
            assert_eq!(&buffer, b"ONE\nTWO\n");
            drop(a);
            assert_eq!(receiver.await, Ok(2));
        });
    });
}

#[test]
fn copy_between_libraries() {
    without_hanging(|| {
        pollster::block_on(async {
            let from = FuturesIo::new(
                SystemExecutor,
                futures_lite::io::Cursor::new(vec![7; 100_000]),
            );
            let to = FuturesIo::new(SystemExecutor, futures_lite::io::Cursor::new(Vec::new()));
            assert_eq!(copy(&from, &to).await.into_result().unwrap(), 100_000);
            assert_eq!(to.into_inner().unwrap().into_inner(), vec![7; 100_000]);
        });
    });
}

/// The task that is waited for may be queued behind the one that waits.
#[test]
fn blocking_on_a_runtime_of_tokio_inside_of_it_is_refused() {
    without_hanging(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let executor = TokioExecutor::new(runtime.handle().clone());
        assert_eq!(post_call(&executor, || 1, Blocking), 1);
        let own = executor.clone();
        let refused = runtime.spawn(async move { panic_of(|| post_call(&own, || 2, Blocking)) });
        let message = runtime.block_on(refused).unwrap();
        assert!(message.contains("`.await`"), "{message}");
        // Threads that are there for it may.
        let allowed = runtime.spawn_blocking(move || post_call(&executor, || 3, Blocking));
        assert_eq!(runtime.block_on(allowed).unwrap(), 3);
    });
}
