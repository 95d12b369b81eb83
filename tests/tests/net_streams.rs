//! Bytes arrive, each once and in order, however they are sent.

use std::future::poll_fn;
use std::io::{IoSlice, Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;

use async_op::IoContext;
use async_op::executor::WorkGuard;
use async_op::net::TcpStream;
use async_op_tests::net::{
    Wakes, drive, half_pair, listen, pair, pattern, poll_with, read_all, until_woken, write_all,
};
use async_op_tests::{Polled, without_hanging};
use smol::future::zip;

/// Sends `a` one way and `b` the other at the same time, and compares.
async fn exchange(left: TcpStream, right: TcpStream, a: &[u8], b: &[u8]) {
    let (mut got_a, mut got_b) = (vec![0; a.len()], vec![0; b.len()]);
    let there = zip(write_all(&left, a), read_all(&right, &mut got_a));
    let back = zip(write_all(&right, b), read_all(&left, &mut got_b));
    let (((), n_a), ((), n_b)) = zip(there, back).await;
    assert_eq!((n_a, n_b), (a.len(), b.len()));
    assert!(got_a == a && got_b == b);
}

#[test]
fn full_duplex() {
    let context = IoContext::new().unwrap();
    let (left, right) = pair(&context);
    drive(&context, exchange(left, right, b"ping", b"pong"));
}

#[test]
fn a_mebibyte_each_way_at_once() {
    let context = IoContext::new().unwrap();
    let (left, right) = pair(&context);
    let (a, b) = (pattern(1 << 20), pattern((1 << 20) + 77));
    drive(&context, exchange(left, right, &a, &b));
}

#[test]
fn a_mebibyte_each_way_with_four_runners() {
    let context = IoContext::new().unwrap();
    let work = WorkGuard::new(context.executor());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| context.run());
        }
        let exchanges = [(); 4].map(|()| {
            let (left, right) = pair(&context);
            scope.spawn(|| {
                let (a, b) = (pattern(1 << 20), pattern((1 << 20) + 77));
                pollster::block_on(exchange(left, right, &a, &b));
            })
        });
        for exchange in exchanges {
            exchange.join().unwrap();
        }
        drop(work);
    });
}

#[test]
fn one_byte_at_a_time() {
    let context = IoContext::new().unwrap();
    let (left, right) = pair(&context);
    let bytes = pattern(1000);
    let mut got = Vec::new();
    drive(&context, async {
        let write = async {
            for byte in bytes.chunks(1) {
                assert_eq!(left.write_some(byte).await.unwrap(), 1);
            }
        };
        let read = async {
            while got.len() < bytes.len() {
                let mut byte = [0];
                assert_eq!(right.read_some(&mut byte).await.unwrap(), 1);
                got.push(byte[0]);
            }
        };
        zip(write, read).await;
    });
    assert_eq!(got, bytes);
}

/// What is tried tells operations that wait afterwards what it has found out.
#[test]
fn tried_here_and_now() {
    let would_block = |result: std::io::Result<usize>| {
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    };
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let mut buffer = [0; 8];

    // Nothing is there; an operation waits for it, and takes all.
    would_block(stream.try_read_some(&mut buffer));
    let mut read = Polled::new(stream.read_some(&mut buffer));
    assert!(read.poll().is_pending());
    peer.write_all(b"one").unwrap();
    until_woken(&context, &read);
    assert_eq!(read.ready().unwrap(), 3);
    drop(read);
    // A try does not depend on the context's having seen the event.
    peer.write_all(b"two").unwrap();
    let n = loop {
        match stream.try_read_some(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => thread::yield_now(),
            result => break result.unwrap(),
        }
    };
    assert_eq!(&buffer[..n], b"two");
    would_block(stream.try_read_some(&mut buffer));

    // Until the system takes no more; then an operation waits until it does.
    let block = pattern(1 << 20);
    let mut written = 0;
    while let Ok(n) = stream.try_write_some(&block) {
        written += n;
    }
    would_block(stream.try_write_some(&block));
    let mut write = Polled::new(stream.write_some(&b"end"[..]));
    assert!(write.poll().is_pending());
    let reader = thread::spawn(move || {
        let mut seen = vec![0; written + 3];
        peer.read_exact(&mut seen).unwrap();
        assert!(seen.ends_with(b"end"));
        peer
    });
    until_woken(&context, &write);
    assert_eq!(write.ready().unwrap(), 3);
    drop(write);

    // The end, and the end of the context.
    drop(reader.join().unwrap());
    let n = loop {
        match stream.try_read_some(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => thread::yield_now(),
            result => break result.unwrap(),
        }
    };
    assert_eq!(n, 0);
    drop(context);
    for result in [
        stream.try_read_some(&mut buffer),
        stream.try_write_some(b"x"),
    ] {
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::Other);
    }
}

#[test]
fn many_clones_wait_in_one_direction() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let got = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..8 {
        let got = Arc::clone(&got);
        stream
            .clone()
            .read_some([0])
            .callback(move |result, [byte]| {
                assert_eq!(result.unwrap(), 1);
                got.lock().unwrap().push(byte);
            });
    }
    assert_eq!(context.poll(), 0);
    peer.write_all(b"abc").unwrap();
    // All are woken, three of them for something.
    while got.lock().unwrap().len() < 3 {
        context.run_one();
    }
    context.poll();
    peer.write_all(b"defgh").unwrap();
    context.run();
    let mut got = got.lock().unwrap();
    got.sort_unstable();
    assert_eq!(**got, *b"abcdefgh");
}

/// So many that none of this would end if it took time for each other one.
#[test]
fn many_that_wait_for_one_socket_go() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (stream, _peer) = half_pair(&context);
        let wakes = Wakes::default();
        let mut reads: Vec<_> = (0..600_000)
            .map(|_| Box::pin(stream.read_some([0; 1])))
            .collect();
        for read in &mut reads {
            assert!(poll_with(read.as_mut(), &wakes.waker()).is_pending());
        }
        let last = reads.split_off(300_000);
        reads.into_iter().for_each(drop);
        assert_eq!(wakes.wakers(), 300_000);
        last.into_iter().rev().for_each(drop);
        assert_eq!((wakes.count(), wakes.wakers()), (0, 0));
    });
}

#[test]
fn many_accepts_share_the_connections() {
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let address = listener.local_addr().unwrap();
    let peers = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..4 {
        let peers = Arc::clone(&peers);
        listener.accept().callback(move |result| {
            peers.lock().unwrap().push(result.unwrap().1);
        });
    }
    let clients = [(); 4].map(|()| std::net::TcpStream::connect(address).unwrap());
    context.run();
    let mut peers = peers.lock().unwrap();
    let mut expected = clients.map(|client| client.local_addr().unwrap());
    peers.sort_unstable();
    expected.sort_unstable();
    assert_eq!(**peers, expected);
}

#[test]
fn a_blocking_peer_is_echoed_to_by_callbacks() {
    fn echo(stream: TcpStream, buffer: Vec<u8>) {
        let writer = stream.clone();
        stream.read_some(buffer).callback(move |result, buffer| {
            let n = result.unwrap();
            if n == 0 {
                return;
            }
            let bytes = buffer[..n].to_vec();
            let reader = writer.clone();
            writer.write_some(bytes).callback(move |result, bytes| {
                assert_eq!(result.unwrap(), bytes.len());
                echo(reader, buffer);
            });
        });
    }

    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    echo(stream, vec![0; 512]);
    let client = thread::spawn(move || {
        for n in 1..100 {
            let sent = pattern(n);
            let mut got = vec![0; n];
            peer.write_all(&sent).unwrap();
            peer.read_exact(&mut got).unwrap();
            assert_eq!(sent, got);
        }
    });
    context.run();
    client.join().unwrap();
}

/// The system ends a read at the mark of urgent data, though there is more.
#[test]
#[cfg(target_os = "linux")]
fn a_read_cut_short_by_urgent_data_does_not_hide_what_follows() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = half_pair(&context);
    let mut read = Polled::new(stream.read_some([0; 64]));
    assert!(read.poll().is_pending());
    let peer = socket2::Socket::from(peer);
    peer.send(b"abc").unwrap();
    peer.send_out_of_band(b"!").unwrap();
    peer.send(b"de").unwrap();
    until_woken(&context, &read);
    let (result, _) = read.ready();
    assert_eq!(result.unwrap(), 3);
    let (result, buffer) = Polled::new(stream.read_some([0; 64])).ready();
    assert_eq!(&buffer[..result.unwrap()], b"de");
}

/// More parts than the system takes in one call, and many without content: what is
/// left has room, though the call wrote less than it was given.
#[test]
fn any_number_of_parts_can_be_polled_for() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let mut polled = stream.into_poll_io();
    let sent = pattern(3000);
    let mut parts = vec![IoSlice::new(&[]); 3000];
    parts.extend(sent.chunks(1).map(IoSlice::new));
    let mut written = 0;
    while written < sent.len() {
        let rest = if written == 0 { 0 } else { 3000 + written };
        let mut write = Polled::new(poll_fn(|cx| polled.poll_write(cx, &parts[rest..])));
        let n = write.ready().unwrap();
        assert!(n > 0);
        written += n;
    }
    let mut got = vec![0; 3000];
    peer.read_exact(&mut got).unwrap();
    assert!(got == sent);
}
