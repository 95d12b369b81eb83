//! Looking at what there is to read takes none of it.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;

use async_op::net::UdpSocket;
use async_op::token::UsePromise;
use async_op::{IoContext, UseFuture};
use async_op_tests::net::{drive, half_pair, until_woken};
use async_op_tests::{Log, Polled};

/// Defines a test for each kind of stream.
macro_rules! both_kinds {
    ($(fn $name:ident($context:ident, $stream:ident, $peer:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            #[test]
            #[allow(unused_mut, reason = "not every test writes")]
            fn tcp() {
                let $context = IoContext::new().unwrap();
                let ($stream, mut $peer) = half_pair(&$context);
                $body
            }

            #[test]
            #[cfg(unix)]
            #[allow(unused_mut, reason = "not every test writes")]
            fn unix() {
                let $context = IoContext::new().unwrap();
                let (stream, mut $peer) = std::os::unix::net::UnixStream::pair().unwrap();
                let $stream = async_op::net::UnixStream::from_std(&$context, stream).unwrap();
                $body
            }
        }
    )*};
}

both_kinds! {
    fn what_is_seen_is_read_again(context, stream, peer) {
        peer.write_all(b"hello").unwrap();
        let mut buffer = [0; 8];
        // As often as one likes, and however little.
        for len in [8, 1, 3, 5, 8] {
            let n = stream.peek(&mut buffer[..len]).blocking().unwrap();
            assert_eq!(&buffer[..n], &b"hello"[..len.min(5)]);
        }
        assert_eq!(stream.try_peek(&mut buffer).unwrap(), 5);
        assert_eq!(stream.read_some(&mut buffer[..2]).blocking().unwrap(), 2);
        let n = stream.peek(&mut buffer).blocking().unwrap();
        assert_eq!(&buffer[..n], b"llo");
        assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 3);
        let mut peek = Polled::new(stream.peek(&mut buffer));
        assert!(peek.poll().is_pending());
        drop(context);
    }

    fn it_waits_for_something(context, stream, peer) {
        let error = stream.try_peek(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut buffer = [0; 8];
        let mut peek = Polled::new(stream.peek(&mut buffer));
        assert!(peek.poll().is_pending());
        context.poll();
        assert_eq!(peek.wakes(), 0);
        peer.write_all(b"hi").unwrap();
        until_woken(&context, &peek);
        assert_eq!(peek.ready().unwrap(), 2);
        assert_eq!(peek.drop_future().counts(), (1, 0));
        assert_eq!(&buffer[..2], b"hi");
    }

    fn under_every_token(context, stream, peer) {
        let log = Log::new();
        let said = |name: &'static str| {
            let log = log.clone();
            move |result: io::Result<usize>, bytes: [u8; 4]| {
                let n = result.unwrap();
                log.push(format!("{name} {}", String::from_utf8_lossy(&bytes[..n])));
            }
        };
        stream.async_peek([0; 4], said("called"));
        stream.peek([0; 4]).callback(said("deferred"));
        let promise = stream.async_peek([0; 4], UsePromise);
        let mut future = Polled::new(stream.async_peek([0; 4], UseFuture));
        assert!(future.poll().is_pending());
        let inner = log.clone();
        stream.async_read_some([0; 2], move |result: io::Result<usize>, _: [u8; 2]| {
            inner.push(format!("read {}", result.unwrap()));
        });
        assert_eq!(context.poll(), 0);
        assert_eq!(log.take(), "");
        peer.write_all(b"hello").unwrap();
        until_woken(&context, &future);
        context.poll();
        // What has begun later sees what the read has left, as it began before it.
        let seen = log.take();
        assert!(seen.starts_with("called hell deferred hell"), "{seen}");
        assert!(seen.ends_with("read 2"), "{seen}");
        let (result, bytes) = Polled::new(promise).ready();
        assert_eq!((result.unwrap(), bytes), (4, *b"hell"));
        let (result, bytes) = future.ready();
        assert_eq!((result.unwrap(), &bytes[..3]), (3, &b"llo"[..]));
        let (result, bytes) = stream.peek([0; 4]).blocking();
        assert_eq!((result.unwrap(), &bytes[..3]), (3, &b"llo"[..]));
    }

    fn the_end_stays_the_end(context, stream, peer) {
        peer.write_all(b"end").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(stream.peek(&mut buffer).blocking().unwrap(), 3);
        assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 3);
        for _ in 0..3 {
            assert_eq!(stream.peek(&mut buffer).blocking().unwrap(), 0);
        }
        assert_eq!(stream.try_peek(&mut buffer).unwrap(), 0);
        drop(context);
    }

    fn into_parts_and_into_nothing(context, stream, peer) {
        // Without room nothing is waited for.
        assert_eq!(stream.peek(&mut []).blocking().unwrap(), 0);
        let (result, _) = stream.peek(Vec::<u8>::new()).blocking();
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
        peer.write_all(b"hello").unwrap();
        let (result, parts) = stream.peek(([9; 0], [9; 2], [9; 4])).blocking();
        assert_eq!((result.unwrap(), parts), (2, ([], *b"he", [9; 4])));
        drop(context);
    }
}

/// There was room for one byte of a datagram: Windows says that this was not enough.
fn cut_off(result: io::Result<usize>) {
    if cfg!(windows) {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(10040)); // WSAEMSGSIZE
    } else {
        assert_eq!(result.unwrap(), 1);
    }
}

/// Whoever takes a datagram has lost what does not fit, told or not.
#[test]
fn a_datagram_that_does_not_fit() {
    let context = IoContext::new().unwrap();
    let socket = UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    let mut small = [0];
    let mut receive = Polled::new(socket.receive(&mut small));
    assert!(receive.poll().is_pending());
    for _ in 0..7 {
        socket.try_send_to(b"long", address).unwrap();
    }
    socket.try_send_to(b"last", address).unwrap();
    until_woken(&context, &receive);
    cut_off(receive.ready());
    drop(receive);
    let length = |(n, _)| n;
    cut_off(socket.receive_from(&mut small).blocking().map(length));
    let (result, parts) = socket.receive(([9; 1], [9; 1])).blocking();
    if cfg!(windows) {
        cut_off(result);
        assert_eq!(parts, ([9], [9]));
    } else {
        assert_eq!((result.unwrap(), parts), (2, (*b"l", *b"o")));
    }
    cut_off(socket.try_receive(&mut small));
    cut_off(socket.try_receive_from(&mut small).map(length));
    let polled = socket.clone().into_poll_io();
    cut_off(drive(
        &context,
        poll_fn(|cx| polled.poll_receive(cx, &mut small)),
    ));
    let seen = poll_fn(|cx| polled.poll_peek_from(cx, &mut small));
    cut_off(drive(&context, seen).map(length));
    let received = poll_fn(|cx| polled.poll_receive_from(cx, &mut small));
    cut_off(drive(&context, received).map(length));
    let mut buffer = [0; 8];
    assert_eq!(socket.receive(&mut buffer).blocking().unwrap(), 4);
    assert_eq!(&buffer[..4], b"last");
}

#[test]
fn a_datagram() {
    let context = IoContext::new().unwrap();
    let socket = UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    let mut buffer = [0; 8];
    let mut peek = Polled::new(socket.peek(&mut buffer));
    assert!(peek.poll().is_pending());
    socket.try_send_to(b"one", address).unwrap();
    socket.try_send_to(b"other", address).unwrap();
    until_woken(&context, &peek);
    assert_eq!(peek.ready().unwrap(), 3);
    drop(peek);
    assert_eq!(&buffer[..3], b"one");
    let (result, parts) = socket.peek_from(([0; 2], [0; 2])).blocking();
    assert_eq!((result.unwrap(), parts), ((3, address), (*b"on", *b"e\0")));
    cut_off(socket.peek(&mut [0; 1]).blocking());
    // Nothing is cut off for having been seen in part.
    assert_eq!(socket.receive(&mut buffer).blocking().unwrap(), 3);
    let seen = socket.peek_from(&mut buffer).blocking().unwrap();
    assert_eq!((&buffer[..5], seen), (&b"other"[..], (5, address)));
    assert_eq!(socket.receive(&mut buffer).blocking().unwrap(), 5);
    let mut peek = Polled::new(socket.peek_from(&mut buffer));
    assert!(peek.poll().is_pending());
}
