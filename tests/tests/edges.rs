//! The ends of what operations are given: nothing, much, and peers that go at
//! the worst moment.

#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::time::Duration;

use async_op::IoContext;
use async_op::group::{parallel_group, wait_for_all};
use async_op::io::{copy, read, read_exact, read_until, transfer_all, write, write_all};
use async_op::net::{Readiness, TcpStream, UdpSocket};
use async_op::sync::{Channel, Semaphore};
use async_op::time::Timer;
use async_op_tests::net::{drive, half_pair, listen, pattern, until_woken};
use async_op_tests::{Polled, Step, TestStream};

/// Closes a connection in the way that the peer sees as a reset.
fn reset(stream: std::net::TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_connection_that_is_reset_before_it_is_accepted() {
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let mut accept = Polled::new(listener.accept());
    assert!(accept.poll().is_pending());
    reset(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    until_woken(&context, &accept);
    let (stream, _) = accept.ready().unwrap();
    let error = stream.read_some(&mut [0; 4]).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_listener_that_goes_before_it_accepts() {
    let context = IoContext::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stream = TcpStream::connect(&context, address).blocking().unwrap();
    let mut read = Polled::new(stream.read_some([7; 4]));
    assert!(read.poll().is_pending());
    drop(listener);
    until_woken(&context, &read);
    let (result, buffer) = read.ready();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(buffer, [7; 4]);
    let error = stream.write_some("late").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_reset_makes_ready() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = half_pair(&context);
    loop {
        let mut write = Polled::new(stream.write_some(&[7; 1 << 14]));
        if write.poll().is_pending() {
            break;
        }
    }
    let mut waits = [Readiness::Read, Readiness::Write].map(|what| Polled::new(stream.wait(what)));
    for wait in &mut waits {
        assert!(wait.poll().is_pending());
    }
    reset(peer);
    for wait in &mut waits {
        until_woken(&context, wait);
        wait.ready().unwrap();
    }
    // In a group, by limits on time, and in steps.
    let (timed, steps) = (
        stream
            .read_some([0; 4])
            .cancel_after(Duration::from_secs(3600)),
        write_all(&stream, "late"),
    );
    let (_, (timed, steps)) = parallel_group((timed, steps))
        .wait(wait_for_all())
        .blocking();
    assert_eq!(timed.0.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(steps.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn datagrams_of_no_length() {
    let context = IoContext::new().unwrap();
    let [a, b] = [(); 2].map(|()| UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap());
    a.connect(b.local_addr().unwrap()).unwrap();
    drive(&context, async {
        assert_eq!(a.send("").await.unwrap(), 0);
        assert_eq!(b.receive(&mut [0; 4]).await.unwrap(), 0);
        let parts: [[u8; 0]; 3] = [[], [], []];
        let to = b.local_addr().unwrap();
        assert_eq!(a.send_to(parts, to).await.0.unwrap(), 0);
        assert_eq!(b.receive_from(&mut [0; 4]).await.unwrap().0, 0);
        // A buffer without room takes one, and loses what is in it.
        a.send("lost").await.unwrap();
        assert_eq!(b.receive(&mut []).await.unwrap(), 0);
        a.send("next").await.unwrap();
        assert_eq!(b.receive(&mut [0; 4]).await.unwrap(), 4);
    });
}

/// All that is made of several reads and writes, over streams that move one byte,
/// or seven, at each call.
#[test]
fn few_bytes_at_each_call() {
    let context = IoContext::new().unwrap();
    for n in [1, 7] {
        let stream =
            |input: &[u8]| TestStream::new(&context.executor(), input).otherwise(Step::Move(n));
        let bytes = pattern(1000);
        drive(&context, async {
            let calls = bytes.len().div_ceil(n);
            let mut buffer = vec![9; 1000];
            let from = stream(&bytes);
            let transfer = read(&from, &mut buffer, transfer_all()).await;
            assert_eq!(
                (transfer.into_result().unwrap(), from.calls()),
                (1000, (calls, 0))
            );
            assert!(buffer == bytes);
            let (result, parts) = read_exact(&stream(&bytes), ([0; 3], vec![0; 997])).await;
            result.unwrap();
            assert!([&parts.0, &*parts.1].concat() == bytes);
            let mut line = Vec::new();
            let end = read_until(&stream(&bytes), &mut line, &[250_u8, 0, 1])
                .await
                .unwrap();
            assert_eq!(end, 253);
            let to = stream(b"");
            let transfer = write(&to, &bytes, transfer_all()).await;
            assert_eq!(
                (transfer.into_result().unwrap(), to.calls()),
                (1000, (0, calls))
            );
            assert!(to.written() == bytes);
            let parts = (bytes[..500].to_vec(), [[0; 0]; 3], bytes[500..].to_vec());
            write_all(&to, parts).await.0.unwrap();
            assert!(to.written() == bytes);
            let copied = copy(&stream(&bytes), &to).await.into_result().unwrap();
            assert_eq!(copied, 1000);
            assert!(to.written() == bytes);
        });
    }
}

#[test]
fn values_of_no_size_and_large_ones() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, usize::MAX);
    let (send, receive) = (channel.send(()), channel.receive());
    let (_, (sent, received)) = parallel_group((send, receive))
        .wait(wait_for_all())
        .blocking();
    assert!(sent.is_ok() && received.is_ok());
    let channel = Channel::new(&context, 0);
    let large = [7_u8; 16 << 10];
    let pair = (channel.receive(), channel.send(large));
    let (_, (received, sent)) = parallel_group(pair).wait(wait_for_all()).blocking();
    assert!(sent.is_ok() && received.unwrap() == large);
}

#[test]
fn no_permits_and_all_there_can_be() {
    let context = IoContext::new().unwrap();
    let semaphore = Semaphore::new(&context, 0);
    assert_eq!(semaphore.acquire_many(0).blocking().unwrap().count(), 0);
    semaphore.add(usize::MAX);
    semaphore.add(usize::MAX);
    assert_eq!(semaphore.available(), usize::MAX);
    let all = semaphore.acquire_many(usize::MAX).blocking().unwrap();
    assert_eq!((all.count(), semaphore.available()), (usize::MAX, 0));
    semaphore.add(1);
    drop(all);
    assert_eq!(semaphore.available(), usize::MAX);
}

#[test]
fn no_time_and_all_the_time_there_is() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::ZERO);
    timer.wait().cancel_after(Duration::MAX).blocking().unwrap();
    timer.expires_after(Duration::MAX);
    let error = timer.wait().cancel_after(Duration::ZERO).blocking();
    assert!(async_op::is_timeout(&error.unwrap_err()));
}
