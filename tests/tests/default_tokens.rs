//! I/O objects whose functions without token have another one than `Deferred`.

use std::io;
use std::time::Duration;

use async_op::io::{read_exact, write_all};
#[cfg(unix)]
use async_op::net::{Readiness, connect_pipe};
use async_op::net::{TcpListener, TcpStream, UdpSocket};
use async_op::time::{Timer, WallTimer};
use async_op::token::{Promise, UsePromise};
use async_op::{Blocking, Detached, IoContext, SystemExecutor, UseFuture, is_cancelled};
use async_op_tests::net::local_pair;

fn localhost() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[test]
fn blocking() {
    let context = IoContext::new().unwrap();
    let listener = TcpListener::bind(&context, localhost()).unwrap();
    // What is no operation is the object's.
    let listener = listener.with_default_token::<Blocking>();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(&context, address).blocking().unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());

    let client = client.with_default_token::<Blocking>();
    let server = server.with_default_token::<Blocking>();
    // Buffers may be borrowed, or owned and returned.
    assert_eq!(client.write_some("hello").unwrap(), 5);
    #[cfg(unix)]
    server.wait(Readiness::Read).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(server.read_some(&mut buffer).unwrap(), 5);
    let (result, buffer) = server.write_some(b"there".to_vec());
    assert_eq!((result.unwrap(), buffer), (5, b"there".to_vec()));
    let (result, buffer) = client.read_some(vec![0; 16]);
    assert_eq!((result.unwrap(), &buffer[..5]), (5, &b"there"[..]));
    // The other function takes any token still.
    server.async_write_some("more", |result: io::Result<usize>| {
        assert_eq!(result.unwrap(), 4)
    });
    assert_eq!(client.read_some(&mut [0; 16]).unwrap(), 4);
}

#[test]
fn futures_and_promises() {
    let timer = Timer::new(&SystemExecutor);
    timer.expires_after(Duration::from_millis(1));
    let timer = timer.with_default_token::<UseFuture>();
    pollster::block_on(timer.wait()).unwrap();

    let wall = WallTimer::new(&SystemExecutor).with_default_token::<UsePromise>();
    let promise: Promise<fn(io::Result<()>)> = wall.wait();
    pollster::block_on(promise).unwrap();
}

#[test]
fn nobody_waits() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context).with_default_token::<Detached>();
    timer.expires_after(Duration::from_secs(3600));
    timer.wait();
    timer.async_wait(|result: io::Result<()>| assert!(is_cancelled(&result.unwrap_err())));
    // Clones are the same object, with the same token.
    timer.clone().wait();
    assert_eq!(timer.cancel(), 3);
    assert_eq!(context.run(), 3);
}

#[test]
fn datagrams() {
    let context = IoContext::new().unwrap();
    let a = UdpSocket::bind(&context, localhost()).unwrap();
    let b = UdpSocket::bind(&context, localhost()).unwrap();
    let (a, b) = (
        a.with_default_token::<Blocking>(),
        b.with_default_token::<Blocking>(),
    );
    assert_eq!(a.send_to("hello", b.local_addr().unwrap()).unwrap(), 5);
    let mut buffer = [0; 16];
    let (n, from) = b.receive_from(&mut buffer).unwrap();
    assert_eq!((n, from), (5, a.local_addr().unwrap()));
}

#[cfg(unix)]
#[test]
fn pipes() {
    let context = IoContext::new().unwrap();
    let mut buffer = [0; 16];
    let (reader, writer) = connect_pipe(&context).unwrap();
    assert_eq!(
        writer
            .with_default_token::<Blocking>()
            .write_some("x")
            .unwrap(),
        1
    );
    assert_eq!(
        reader
            .with_default_token::<Blocking>()
            .read_some(&mut buffer)
            .unwrap(),
        1
    );
}

#[test]
fn composed_operations_take_such_an_object() {
    let context = IoContext::new().unwrap();
    let (a, b) = local_pair(&context);
    let (a, b) = (
        a.with_default_token::<Blocking>(),
        b.with_default_token::<Blocking>(),
    );
    write_all(&a, "hello").blocking().unwrap();
    let mut buffer = [0; 5];
    read_exact(&b, &mut buffer).blocking().unwrap();
    assert_eq!(&buffer, b"hello");
    a.into_inner().shutdown(std::net::Shutdown::Both).unwrap();
}
