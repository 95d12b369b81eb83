//! What goes wrong with a connection, and what comes back.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;

use async_op::net::{TcpListener, TcpStream};
use async_op::{IoContext, UseFuture};
use async_op_tests::net::{
    Wakes, drive, half_pair, is_reset_lost, listen, pair, poll_with, read_all, std_pair,
    until_woken,
};
use async_op_tests::{Polled, without_hanging};

/// Closes a connection in the way that the peer sees as a reset.
fn reset(stream: std::net::TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
}

#[test]
fn connecting_to_a_closed_port_is_refused() {
    let context = IoContext::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = TcpStream::connect(&context, address)
        .blocking()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_reset_ends_reads_and_writes() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = half_pair(&context);
    let wakes = Wakes::default();
    let mut read = pin!(stream.async_read_some([7; 4], UseFuture));
    assert!(poll_with(read.as_mut(), &wakes.waker()).is_pending());
    reset(peer);
    let (result, buffer) = drive(&context, read);
    assert_eq!(buffer, [7; 4]);
    if is_reset_lost() {
        assert_eq!(result.unwrap(), 0);
        return;
    }
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    if cfg!(windows) {
        // All that comes later is told the same.
        stream.write_some("late").blocking().unwrap_err();
        return;
    }
    // Once reported, it is an end like any other.
    assert_eq!(stream.read_some(&mut [0; 4]).blocking().unwrap(), 0);
    let (result, buffer) = stream.write_some(String::from("late")).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(buffer, "late");
    let error = stream.write_some("late").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn the_end_comes_in_the_middle_of_a_message() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    peer.write_all(b"abc").unwrap();
    drop(peer);
    let mut buffer = [0; 10];
    assert_eq!(drive(&context, read_all(&stream, &mut buffer)), 3);
    assert_eq!(&buffer[..4], b"abc\0");
    assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 0);
}

#[test]
fn data_and_the_end_in_one_event() {
    let context = IoContext::new().unwrap();
    let (ours, mut peer) = std_pair();
    peer.write_all(b"abc").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    // Registered only now: one event tells of both, and none follows.
    let stream = TcpStream::from_std(&context, ours).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 3);
    assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 0);
    assert_eq!(stream.read_some(&mut buffer).blocking().unwrap(), 0);
    // The other direction is open.
    assert_eq!(stream.write_some("x").blocking().unwrap(), 1);
}

#[test]
fn an_empty_buffer_completes_at_once() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    assert_eq!(stream.read_some(&mut []).blocking().unwrap(), 0);
    let (result, buffer) = stream.read_some(Box::<[u8]>::default()).blocking();
    assert_eq!((result.unwrap(), buffer.len()), (0, 0));
    // It could have a length.
    let (result, buffer) = stream.read_some(Vec::<u8>::new()).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(buffer.len(), 0);
    assert_eq!(stream.write_some("").blocking().unwrap(), 0);
    let (result, buffer) = stream.write_some(Vec::<u8>::new()).blocking();
    assert_eq!((result.unwrap(), buffer.len()), (0, 0));
}

#[test]
fn an_owned_buffer_comes_back_with_a_result() {
    let context = IoContext::new().unwrap();
    let (a, b) = pair(&context);
    let address = |bytes: &[u8]| bytes.as_ptr().addr();

    let bytes = vec![1, 2, 3];
    let place = address(&bytes);
    let (result, bytes) = a.write_some(bytes).blocking();
    assert_eq!((result.unwrap(), address(&bytes)), (3, place));
    let bytes: Arc<[u8]> = Arc::from([4, 5]);
    let (result, bytes) = a.write_some(bytes).blocking();
    assert_eq!((result.unwrap(), Arc::strong_count(&bytes)), (2, 1));

    let buffer = vec![9; 4].into_boxed_slice();
    let place = address(&buffer);
    let (result, buffer) = b.read_some(buffer).blocking();
    assert_eq!((result.unwrap(), address(&buffer)), (4, place));
    assert_eq!(*buffer, [1, 2, 3, 4]);
    let mut buffer = vec![9; 2];
    assert_eq!(b.read_some(&mut buffer).blocking().unwrap(), 1);
    assert_eq!(buffer, [5, 9]);
}

#[test]
fn a_context_dropped_under_its_operations_is_an_error() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let listener = listen(&context);
    let executor = context.executor();
    let wakes = Wakes::default();
    let mut read = pin!(stream.async_read_some(vec![7; 4], UseFuture));
    let mut accept = pin!(listener.async_accept(UseFuture));
    assert!(poll_with(read.as_mut(), &wakes.waker()).is_pending());
    assert!(poll_with(accept.as_mut(), &wakes.waker()).is_pending());
    drop(context);
    assert_eq!((wakes.count(), wakes.wakers()), (2, 0));

    let (result, buffer) = pollster::block_on(read);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(buffer, [7; 4]);
    let error = pollster::block_on(accept).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);

    // So it is for all that comes later, whatever the buffer.
    let (result, buffer) = pollster::block_on(stream.read_some([1; 2]));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(buffer, [1; 2]);
    let (result, buffer) = stream.write_some(vec![1; 2]).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(buffer, [1; 2]);
    stream.read_some(&mut [0; 2]).blocking().unwrap_err();
    let address = listener.local_addr().unwrap();
    let connect = TcpStream::connect(&executor, address);
    assert_eq!(connect.blocking().unwrap_err().kind(), ErrorKind::Other);
    TcpListener::bind(&executor, ([127, 0, 0, 1], 0).into()).unwrap_err();
}

#[test]
fn a_handler_whose_context_is_dropped_is_dropped_uncalled() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let owned = Arc::new(());
    let (handle, clone) = (Arc::clone(&owned), stream.clone());
    let (sender, called) = std::sync::mpsc::channel();
    stream.read_some(vec![0; 4]).callback(move |result, _| {
        sender.send((handle, clone, result)).unwrap();
    });
    assert_eq!(context.poll(), 0);
    drop(context);
    assert!(called.recv().is_err());
    assert_eq!(Arc::strong_count(&owned), 1);
}

#[test]
fn a_local_shutdown_ends_what_waits() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let mut read = pin!(stream.async_read_some([0; 4], UseFuture));
    assert!(poll_with(read.as_mut(), &Wakes::default().waker()).is_pending());
    stream.shutdown(Shutdown::Read).unwrap();
    assert_eq!(drive(&context, read).0.unwrap(), 0);

    // Fill what the system takes, so that a write waits.
    let chunk = vec![0; 1 << 16];
    let blocked = loop {
        let mut write = Box::pin(stream.async_write_some(&chunk[..], UseFuture));
        match poll_with(write.as_mut(), &Wakes::default().waker()) {
            std::task::Poll::Ready(result) => assert!(result.unwrap() > 0),
            std::task::Poll::Pending => break write,
        }
    };
    stream.shutdown(Shutdown::Write).unwrap();
    let error = drive(&context, blocked).unwrap_err();
    if cfg!(windows) {
        // `WSAESHUTDOWN`, which has no kind.
        assert_eq!(error.raw_os_error(), Some(10058));
    } else {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

/// It has been made, and then it has not: whoever waits for it is told.
#[test]
fn a_connection_that_is_reset_before_it_is_looked_at() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut connect = Polled::new(TcpStream::connect(&context, address));
        assert!(connect.poll().is_pending());
        drop(listener);
        until_woken(&context, &connect);
        let error = connect.ready().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}
