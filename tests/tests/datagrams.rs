//! UDP and Unix sockets for datagrams: each is received once and whole, or cut
//! off.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as SocketAddrUnix;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::BufferExt;
use async_op::net::{Readiness, UdpSocket, UnixDatagram};
use async_op::test::TestContext;
use async_op::{Handler, IoContext, IoExecutor, UseFuture, bind_cancellation_slot, is_cancelled};
use async_op_tests::net::{both, drive, pattern, until_woken};
use async_op_tests::{Alive, Log, Polled, Probe, Recorder};
use bytes::BytesMut;

fn udp(context: &IoContext) -> UdpSocket {
    UdpSocket::bind(context, ([127, 0, 0, 1], 0).into()).unwrap()
}

/// Two sockets that are connected to each other.
fn udp_pair(context: &IoContext) -> (UdpSocket, UdpSocket) {
    let (a, b) = (udp(context), udp(context));
    a.connect(b.local_addr().unwrap()).unwrap();
    b.connect(a.local_addr().unwrap()).unwrap();
    (a, b)
}

fn unix_pair(context: &IoContext) -> (UnixDatagram, UnixDatagram) {
    UnixDatagram::pair(context).unwrap()
}

/// A handle that can be made what it was before.
trait Convert: Sized {
    fn there_and_back(self, context: &IoContext) -> Result<Self, Self>;
}

macro_rules! convert {
    ($($ty:ident),*) => {$(
        impl Convert for $ty {
            fn there_and_back(self, context: &IoContext) -> Result<Self, Self> {
                let socket = self.into_mio()?;
                let handle = Self::from_mio(context, socket).unwrap();
                let socket = handle.into_std().unwrap();
                Ok(Self::from_std(context, socket).unwrap())
            }
        }
    )*};
}
convert!(UdpSocket, UnixDatagram);

/// Defines a test for each kind of socket.
macro_rules! both_kinds {
    ($(fn $name:ident($context:ident, $a:ident, $b:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn udp() {
                let $context = IoContext::new().unwrap();
                let ($a, $b) = udp_pair(&$context);
                $body
            }

            #[test]
            fn unix() {
                let $context = IoContext::new().unwrap();
                let ($a, $b) = unix_pair(&$context);
                $body
            }
        }
    )*};
}

/// Receives by a system call of its own.
fn receive_past_it(fd: &impl AsRawFd) -> usize {
    let mut buffer = [0_u8; 64];
    let place = buffer.as_mut_ptr().cast();
    // SAFETY: the descriptor is open, and the buffer is alive and of that length.
    let n = unsafe { libc::recv(fd.as_raw_fd(), place, buffer.len(), 0) };
    usize::try_from(n).unwrap()
}

both_kinds! {
    fn each_is_received_whole_and_once(context, a, b) {
        let mut buffer = [0; 64];
        for text in ["one", "", "three", "", ""] {
            assert_eq!(a.send(text).blocking().unwrap(), text.len());
        }
        for text in ["one", "", "three", "", ""] {
            let n = b.receive(&mut buffer).blocking().unwrap();
            assert_eq!(&buffer[..n], text.as_bytes());
        }
        assert!(Polled::new(b.receive([0; 8])).poll().is_pending());
        drop(context);
    }

    fn one_that_is_waited_for(context, a, b) {
        let log = Log::new();
        let inner = log.clone();
        b.async_receive(vec![0; 8], move |result: io::Result<usize>, buffer: Vec<u8>| {
            inner.push(String::from_utf8_lossy(&buffer[..result.unwrap()]));
        });
        assert_eq!(context.poll(), 0);
        let inner = log.clone();
        a.async_send(String::from("hi"), move |result: io::Result<usize>, buffer: String| {
            inner.push(format!("{} {buffer}", result.unwrap()));
        });
        assert_eq!(log.take(), "");
        context.run();
        assert_eq!(log.take(), "2 hi hi");
    }

    fn what_does_not_fit_is_lost(context, a, b) {
        for _ in 0..6 {
            a.send("0123456789").blocking().unwrap();
        }
        a.send("last").blocking().unwrap();
        let (result, buffer) = b.receive([9; 4]).blocking();
        assert_eq!((result.unwrap(), buffer), (4, *b"0123"));
        // In parts, in a range of them, in one that is empty.
        let (result, buffer) = b.receive(([9; 2], [9; 0], vec![9; 3])).blocking();
        assert_eq!((result.unwrap(), buffer), (5, (*b"01", [], b"234".to_vec())));
        let (result, buffer) = b.receive([[9; 3], [9; 3]].range(1..5)).blocking();
        assert_eq!(result.unwrap(), 4);
        assert_eq!(buffer.into_inner(), [*b"\x0901", *b"23\x09"]);
        let (result, buffer) = b.receive([[9; 3], [9; 3]].range(1..2)).blocking();
        assert_eq!((result.unwrap(), buffer.into_inner()), (1, [*b"\x090\x09", [9; 3]]));
        assert_eq!(b.receive(&mut []).blocking().unwrap(), 0);
        let (result, _) = b.receive(([0; 0], [0; 0])).blocking();
        assert_eq!(result.unwrap(), 0);
        let (result, buffer) = b.receive([9; 10]).blocking();
        assert_eq!((result.unwrap(), &buffer[..5]), (4, &b"last\x09"[..]));
        drop(context);
    }

    fn an_empty_vec_is_no_buffer(context, a, b) {
        let is_input = |error: io::Error| assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // Also before there is one, and none is lost.
        for _ in 0..2 {
            let mut empty = Vec::with_capacity(16);
            is_input(b.receive(&mut empty).blocking().unwrap_err());
            is_input(b.receive(BytesMut::new()).blocking().0.unwrap_err());
            let (result, empty) = b.receive_from(empty).blocking();
            is_input(result.unwrap_err());
            assert_eq!(empty.capacity(), 16);
            a.send("hello").blocking().unwrap();
        }
        for _ in 0..2 {
            assert_eq!(b.receive(&mut [0; 16]).blocking().unwrap(), 5);
        }
        drop(context);
    }

    fn several_parts_are_one_datagram(context, a, b) {
        let bytes = pattern(100 * 37);
        let parts: Vec<_> = bytes.chunks(37).map(<[u8]>::to_vec).collect();
        let (result, parts) = a.send(parts).blocking();
        assert_eq!(result.unwrap(), bytes.len());
        let mut got = [0; 4000];
        assert_eq!(b.receive(&mut got).blocking().unwrap(), bytes.len());
        assert_eq!(got[..bytes.len()], bytes);
        // Read into parts of other lengths, the last of them not at all.
        a.send(parts).blocking().0.unwrap();
        let blank: Vec<_> = (0..90).map(|n| vec![0; n]).collect();
        let (result, got) = b.receive(blank).blocking();
        assert_eq!(result.unwrap(), bytes.len());
        let got = got.concat();
        assert_eq!(got[..bytes.len()], bytes);
        assert_eq!(got[bytes.len()..], vec![0; got.len() - bytes.len()]);

        let slices = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")];
        assert_eq!(a.send(&slices[..]).blocking().unwrap(), 3);
        let mut halves = [[9; 2]; 2];
        let mut slices = halves.each_mut().map(|half| IoSliceMut::new(half));
        assert_eq!(b.receive(&mut slices[..]).blocking().unwrap(), 3);
        assert_eq!(halves, [*b"ab", *b"c\x09"]);
        // Parts without content are an empty datagram.
        let (result, _) = a.send(("", [String::new(), String::new()])).blocking();
        assert_eq!(result.unwrap(), 0);
        assert_eq!(b.receive(&mut [0; 4]).blocking().unwrap(), 0);
        drop(context);
    }

    fn cancelled_by_every_type_of_request(context, a, b) {
        let signal = CancellationSignal::new();
        for kind in [
            CancellationType::TERMINAL,
            CancellationType::PARTIAL,
            CancellationType::TOTAL,
        ] {
            // Before it starts: no effect.
            signal.emit(kind);
            let token = bind_cancellation_slot(signal.slot(), UseFuture);
            let mut receive = Polled::new(b.async_receive([9; 4], token));
            assert!(receive.poll().is_pending());
            signal.emit(kind);
            a.send("late").blocking().unwrap();
            let (result, buffer) = receive.ready();
            assert!(is_cancelled(&result.unwrap_err()));
            assert_eq!(buffer, [9; 4]);
            // It has received nothing.
            let (result, buffer) = b.receive([9; 4]).blocking();
            assert_eq!((result.unwrap(), buffer), (4, *b"late"));
            signal.emit(kind);
            let token = bind_cancellation_slot(signal.slot(), UseFuture);
            let mut receive = Polled::new(b.async_receive_from([9; 4], token));
            assert!(receive.poll().is_pending());
            signal.emit(kind);
            assert!(is_cancelled(&receive.ready().0.unwrap_err()));
        }
        drop(context);
    }

    fn a_dropped_receive_takes_nothing(context, a, b) {
        let mut buffer = [9; 4];
        let mut receive = Polled::new(b.receive(&mut buffer));
        assert!(receive.poll().is_pending());
        a.send("abcd").blocking().unwrap();
        until_woken(&context, &receive);
        assert_eq!(receive.drop_future().counts(), (1, 0));
        assert_eq!(buffer, [9; 4]);
        assert_eq!(b.receive(&mut buffer).blocking().unwrap(), 4);
    }

    fn many_receives_share_what_comes(context, a, b) {
        let got = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..6 {
            let got = Arc::clone(&got);
            b.clone().async_receive([0; 4], move |result: io::Result<usize>, buffer: [u8; 4]| {
                assert_eq!(result.unwrap(), 1);
                got.lock().unwrap().push(buffer[0]);
            });
        }
        assert_eq!(context.poll(), 0);
        for byte in b"abcdef".chunks(1) {
            a.send(byte).blocking().unwrap();
        }
        context.restart();
        context.run();
        let mut got = got.lock().unwrap();
        got.sort_unstable();
        assert_eq!(**got, *b"abcdef");
    }

    fn the_context_is_dropped(context, a, b) {
        let log = Log::new();
        let alive = Alive::new(&log, "dropped");
        b.async_receive([0; 4], move |_: io::Result<usize>, _: [u8; 4]| drop(alive));
        let mut receive = Polled::new(b.receive_from(vec![9; 4]));
        let mut wait = Polled::new(b.wait(Readiness::Read));
        assert!(receive.poll().is_pending() && wait.poll().is_pending());
        drop(context);
        assert_eq!(log.take(), "dropped");
        let (result, buffer) = receive.ready();
        assert_eq!((result.unwrap_err().kind(), buffer), (ErrorKind::Other, vec![9; 4]));
        assert_eq!(wait.ready().unwrap_err().kind(), ErrorKind::Other);
        let (result, buffer) = a.send(("a", String::from("b"))).blocking();
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(buffer, ("a", String::from("b")));
    }

    fn conversions_keep_what_has_come(context, a, b) {
        a.send("one").blocking().unwrap();
        a.send("three").blocking().unwrap();
        let other = IoContext::new().unwrap();
        let b = b.there_and_back(&other).unwrap();
        assert_eq!(b.receive(&mut [0; 8]).blocking().unwrap(), 3);
        let mut first = Polled::new(b.receive([0; 8]));
        assert_eq!(first.ready().0.unwrap(), 5);
        assert!(Polled::new(b.receive([0; 8])).poll().is_pending());
        b.async_receive([0; 8], async_op::Detached);
        assert_eq!(other.poll(), 0);
        // Refused while that is outstanding.
        drop(first);
        let b = b.into_std().unwrap_err();
        a.send("x").blocking().unwrap();
        other.run();
        let socket = b.into_std().unwrap();
        a.send("y").blocking().unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 1);
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(context);
    }

    fn readiness(context, a, b) {
        a.wait(Readiness::Write).blocking().unwrap();
        let mut wait = Polled::new(b.wait(Readiness::Read));
        assert!(wait.poll().is_pending());
        a.send("").blocking().unwrap();
        a.send("two").blocking().unwrap();
        until_woken(&context, &wait);
        wait.ready().unwrap();
        b.wait(Readiness::Read).blocking().unwrap();
        assert_eq!(b.receive(&mut [0; 4]).blocking().unwrap(), 0);
        b.wait(Readiness::Read).blocking().unwrap();
        // Drained by somebody else.
        assert_eq!(receive_past_it(&b), 3);
        let mut wait = Polled::new(b.wait(Readiness::Read));
        assert!(wait.poll().is_pending());
        context.poll();
        assert!(wait.poll().is_pending());
        a.send("three").blocking().unwrap();
        until_woken(&context, &wait);
        wait.ready().unwrap();
    }

    fn to_and_fro_at_the_same_time(context, a, b) {
        // Neither of them gets ahead: UDP drops what finds no room.
        let there = async {
            for n in 0..500_u32 {
                assert_eq!(a.send(n.to_ne_bytes()).await.0.unwrap(), 4);
                let (result, got) = b.receive([0; 8]).await;
                assert_eq!((result.unwrap(), &got[..4]), (4, &n.to_ne_bytes()[..]));
            }
        };
        let back = async {
            for n in 0..500_u64 {
                assert_eq!(b.send(n.to_ne_bytes()).await.0.unwrap(), 8);
                let (result, got) = a.receive([0; 8]).await;
                assert_eq!((result.unwrap(), got), (8, n.to_ne_bytes()));
            }
        };
        drive(&context, both(there, back));
    }
}

#[test]
fn to_and_from_anybody() {
    let context = IoContext::new().unwrap();
    let [a, b, c] = [(); 3].map(|()| udp(&context));
    let address = |socket: &UdpSocket| socket.local_addr().unwrap();
    let (result, _) = a.send_to(("from ", "a"), address(&c)).blocking();
    assert_eq!(result.unwrap(), 6);
    b.send_to("from b", address(&c)).blocking().unwrap();
    for (text, from) in [("from a", &a), ("from b", &b)] {
        let (result, (first, rest)) = c.receive_from(([0; 2], [0; 8])).blocking();
        assert_eq!(result.unwrap(), (6, address(from)));
        assert_eq!([&first[..], &rest[..4]].concat(), text.as_bytes());
    }
    // Connected, it receives from that one alone.
    c.connect(address(&a)).unwrap();
    assert_eq!(c.peer_addr().unwrap(), address(&a));
    let mut receive = Polled::new(c.receive_from([0; 8]));
    assert!(receive.poll().is_pending());
    b.send_to("no", address(&c)).blocking().unwrap();
    a.send_to("yes", address(&c)).blocking().unwrap();
    until_woken(&context, &receive);
    assert_eq!(receive.ready().0.unwrap(), (3, address(&a)));
    assert!(Polled::new(c.receive([0; 8])).poll().is_pending());
    // To another, with an address, it may send all the same.
    c.send_to("both", address(&b)).blocking().unwrap();
    assert_eq!(
        b.receive_from(&mut [0; 8]).blocking().unwrap(),
        (4, address(&c))
    );
}

#[test]
fn a_socket_that_is_not_connected() {
    let context = IoContext::new().unwrap();
    let socket = udp(&context);
    let (result, buffer) = socket.send((*b"to", vec![1])).blocking();
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EDESTADDRREQ));
    assert_eq!(buffer, (*b"to", vec![1]));
    let error = socket.peer_addr().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(!socket.broadcast().unwrap());
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
    let taken = socket.local_addr().unwrap();
    let error = UdpSocket::bind(&context, taken).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let six = SocketAddr::from(([0_u16; 8], 9));
    socket.send_to("", six).blocking().unwrap_err();
}

#[test]
fn the_longest_and_one_byte_more() {
    let context = IoContext::new().unwrap();
    let (a, b) = udp_pair(&context);
    let bytes = pattern(65_508);
    assert_eq!(a.send(&bytes[..65_507]).blocking().unwrap(), 65_507);
    let (result, got) = b.receive(vec![0; 1 << 20]).blocking();
    assert_eq!(result.unwrap(), 65_507);
    assert!(got[..65_507] == bytes[..65_507]);
    let (result, back) = a.send(bytes.clone()).blocking();
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    assert!(back == bytes);
    let (result, back) = a.send([bytes.clone(), bytes.clone()]).blocking();
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    assert!(back == [&bytes[..], &bytes[..]]);
    // None of it was sent.
    assert!(Polled::new(b.receive([0; 8])).poll().is_pending());

    let (a, b) = unix_pair(&context);
    let bytes = vec![1; 1 << 20];
    let error = a.send(&bytes).blocking().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    assert!(Polled::new(b.receive([0; 8])).poll().is_pending());
}

#[test]
fn nobody_listens_at_the_peers() {
    let context = IoContext::new().unwrap();
    let (a, b) = udp_pair(&context);
    let address = b.local_addr().unwrap();
    drop(b);
    // Told to a receive that waits.
    let mut receive = Polled::new(a.receive([9; 4]));
    assert!(receive.poll().is_pending());
    a.send("one").blocking().unwrap();
    until_woken(&context, &receive);
    let (result, buffer) = receive.ready();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(buffer, [9; 4]);
    // Once; to one that comes later; to the next send.
    assert!(Polled::new(a.receive([9; 4])).poll().is_pending());
    a.send("two").blocking().unwrap();
    let error = a.receive(&mut [0; 4]).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    a.send("three").blocking().unwrap();
    let (result, text) = a.send(String::from("four")).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(text, "four");
    // It goes on once there is somebody.
    let b = UdpSocket::bind(&context, address).unwrap();
    let mut receive = Polled::new(b.receive([0; 8]));
    assert!(receive.poll().is_pending());
    while a.send("five").blocking().is_err() {}
    until_woken(&context, &receive);
    assert_eq!(receive.ready().0.unwrap(), 4);
    b.send_to("back", a.local_addr().unwrap())
        .blocking()
        .unwrap();
    while a.receive(&mut [0; 8]).blocking().is_err() {}
}

#[test]
fn no_memory_for_the_whole_of_several_parts() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (a, b) = udp_pair(&context);
    let recorder = Recorder::new(&log).fail_at(1);
    let inner = log.clone();
    type Sent = (io::Result<usize>, [[u8; 4]; 2]);
    let probe = Probe::calling(&log, move |(result, parts): Sent| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert_eq!(parts, [*b"some", *b"more"]);
        inner.push("came back");
    });
    let handler = Handler(probe.allocating(&recorder));
    a.async_send([*b"some", *b"more"], handler);
    context.run();
    assert_eq!(log.take(), "A0 D0 call came back");
    recorder.assert_balanced();
    // One part needs no whole.
    let recorder = Recorder::new(&log).fail_at(1);
    let probe = Probe::calling(&log, |(result, _): (io::Result<usize>, [u8; 4])| {
        assert_eq!(result.unwrap(), 4);
    });
    a.async_send(*b"some", Handler(probe.allocating(&recorder)));
    context.restart();
    context.run();
    assert_eq!(log.take(), "A0 D0 call");
    assert_eq!(b.receive(&mut [0; 8]).blocking().unwrap(), 4);
}

/// A path of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("async-op-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn unix_sockets_with_and_without_paths() {
    let context = IoContext::new().unwrap();
    let (one, two) = (Place::new("one"), Place::new("two"));
    let a = UnixDatagram::bind(&context, &one).unwrap();
    let b = UnixDatagram::bind(&context, &two).unwrap();
    let unbound = UnixDatagram::unbound(&context).unwrap();
    assert_eq!(a.local_addr().unwrap().as_pathname(), Some(&*one.0));
    let error = UnixDatagram::bind(&context, &one).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);

    a.send_to("hello", b.local_addr().unwrap())
        .blocking()
        .unwrap();
    let (result, _) = b.receive_from([0; 8]).blocking();
    let (n, from) = result.unwrap();
    assert_eq!((n, from.as_pathname()), (5, Some(&*one.0)));
    b.send_to(("back", "!"), from).blocking().0.unwrap();
    assert_eq!(a.receive(&mut [0; 8]).blocking().unwrap(), 5);
    // Who has no path cannot be answered.
    unbound.connect(&one).unwrap();
    assert_eq!(unbound.peer_addr().unwrap().as_pathname(), Some(&*one.0));
    unbound.send("who").blocking().unwrap();
    let (_, from) = a.receive_from(&mut [0; 8]).blocking().unwrap();
    assert!(from.is_unnamed());
    let (result, buffer) = a.send_to([1], from).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(buffer, [1]);

    let error = a.send("nowhere").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    let there = b.local_addr().unwrap();
    drop(b);
    let error = a.send_to("gone", there.clone()).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    drop(two);
    let error = a.send_to("gone", there).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_unix_peer_that_goes_away() {
    let context = IoContext::new().unwrap();
    let (a, b) = unix_pair(&context);
    let mut receive = Polled::new(a.receive([9; 4]));
    assert!(receive.poll().is_pending());
    drop(b);
    context.poll();
    let error = a.send("x").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// Sends until that has to wait; returns how many were sent.
macro_rules! fill {
    (|| $send:expr) => {{
        let mut sent = 0;
        loop {
            let mut send = Polled::new($send);
            match send.poll() {
                std::task::Poll::Ready(result) => sent += usize::from(result.unwrap() == 4),
                std::task::Poll::Pending => break (sent, send),
            }
        }
    }};
}

#[test]
fn a_unix_socket_waits_for_room() {
    let context = IoContext::new().unwrap();
    let place = Place::new("room");
    let receiver = UnixDatagram::bind(&context, &place).unwrap();
    let sender = UnixDatagram::unbound(&context).unwrap();
    sender.connect(&place).unwrap();
    let (sent, mut send) = fill!(|| sender.send(b"abcd"));
    assert!(sent > 0);
    let mut wait = Polled::new(sender.wait(Readiness::Write));
    assert!(wait.poll().is_pending());
    context.poll();
    assert_eq!(send.wakes(), 0);
    assert_eq!(receiver.receive(&mut [0; 8]).blocking().unwrap(), 4);
    until_woken(&context, &send);
    wait.ready().unwrap();
    assert_eq!(send.ready().unwrap(), 4);
    for _ in 0..sent {
        assert_eq!(receiver.receive(&mut [0; 8]).blocking().unwrap(), 4);
    }
    assert!(Polled::new(receiver.receive([0; 8])).poll().is_pending());
}

#[test]
fn a_unix_socket_waits_for_room_at_an_address() {
    let context = IoContext::new().unwrap();
    let place = Place::new("address");
    let receiver = UnixDatagram::bind(&context, &place).unwrap();
    let sender = UnixDatagram::unbound(&context).unwrap();
    let address = receiver.local_addr().unwrap();
    let (sent, mut send) = fill!(|| sender.send_to(b"abcd", address.clone()));
    assert!(sent > 0);
    assert_eq!(receiver.receive(&mut [0; 8]).blocking().unwrap(), 4);
    // Not with the first wake, which is that of the attempt.
    let mut result = send.poll();
    for wakes in 1.. {
        let Poll::Pending = result else { break };
        while send.wakes() < wakes {
            context.restart();
            context.poll_one();
        }
        result = send.poll();
    }
    let Poll::Ready(result) = result else {
        panic!("pending")
    };
    assert_eq!(result.unwrap(), 4);
}

/// A socket whose queue is full of what others have sent, and one that sends to
/// it: nothing that is received frees any memory of that one.
fn full(context: &IoExecutor, name: &str) -> (UnixDatagram, UnixDatagram, SocketAddrUnix, Place) {
    let place = Place::new(name);
    let receiver = UnixDatagram::bind(context, &place).unwrap();
    let address = receiver.local_addr().unwrap();
    let other = UnixDatagram::unbound(context).unwrap();
    let (sent, _) = fill!(|| other.send_to(b"abcd", address.clone()));
    assert!(sent > 0);
    let sender = UnixDatagram::unbound(context).unwrap();
    (receiver, sender, address, place)
}

#[test]
fn a_full_peer_is_tried_again_but_not_all_the_time() {
    let context = TestContext::new();
    let (receiver, sender, address, _place) = full(&context, "pauses");
    let log = Log::new();
    let inner = log.clone();
    sender.send_to([1; 4], address).callback(move |result, _| {
        inner.push(format!("{}", result.unwrap()));
    });
    // One poll for the pause and one for the event that the attempt has caused.
    let polls = context.advance(Duration::from_millis(100));
    assert!((1..50).contains(&polls), "{polls} polls");
    assert_eq!(log.take(), "");
    assert_eq!(receiver.receive(&mut [0; 8]).blocking().unwrap(), 4);
    context.run();
    assert_eq!(log.take(), "4");
}

#[test]
fn a_send_to_a_full_peer_that_ends_without_it() {
    let context = IoContext::new().unwrap();
    let (receiver, sender, address, _place) = full(&context, "ends");
    let send = || Polled::new(sender.send_to(b"wxyz", address.clone()));
    let (mut dropped, mut cancelled, mut gone) = (send(), send(), send());
    for send in [&mut dropped, &mut cancelled, &mut gone] {
        assert!(send.poll().is_pending());
    }
    until_woken(&context, &cancelled);
    assert!(cancelled.poll().is_pending());
    assert_eq!(dropped.drop_future().counts().1, 0);
    let wakes = (cancelled.wakes(), gone.wakes());
    sender.cancel();
    assert!(is_cancelled(&cancelled.ready().unwrap_err()));
    assert_eq!(cancelled.drop_future().counts(), (wakes.0 + 1, 0));
    // That was all three of them.
    assert!(is_cancelled(&gone.ready().unwrap_err()));
    let mut gone = send();
    assert!(gone.poll().is_pending());
    drop(context);
    // By the socket, and by its pause.
    assert_eq!((gone.wakes(), gone.wakers()), (2, 0));
    assert_eq!(gone.ready().unwrap_err().kind(), ErrorKind::Other);
    drop(receiver);
}

#[test]
fn abstract_addresses() {
    let context = IoContext::new().unwrap();
    let address = |name: &str| {
        let name = format!("async-op-{}-{name}\0", std::process::id());
        SocketAddrUnix::from_abstract_name(name).unwrap()
    };
    let (one, two) = (address("one"), address("two"));
    let a = UnixDatagram::bind_addr(&context, &one).unwrap();
    let b = UnixDatagram::bind_addr(&context, &two).unwrap();
    let error = UnixDatagram::bind_addr(&context, &one).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(a.send_to("hello", two.clone()).blocking().unwrap(), 5);
    let (n, from) = b.receive_from(&mut [0; 8]).blocking().unwrap();
    assert_eq!((n, from.as_abstract_name()), (5, one.as_abstract_name()));
    assert_eq!(b.send_to("", from).blocking().unwrap(), 0);
    assert_eq!(a.receive(&mut [0; 8]).blocking().unwrap(), 0);
    a.connect_addr(&two).unwrap();
    let peer = a.peer_addr().unwrap();
    assert_eq!(peer.as_abstract_name(), two.as_abstract_name());
    assert_eq!(a.send("back").blocking().unwrap(), 4);
    assert_eq!(b.receive(&mut [0; 8]).blocking().unwrap(), 4);
    drop(b);
    let error = a.connect_addr(&two).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_send_that_waits_is_cancelled_or_dropped() {
    let context = IoContext::new().unwrap();
    let (a, b) = unix_pair(&context);
    let (sent, send) = fill!(|| a.send(b"abcd"));
    assert_eq!(send.drop_future().counts(), (0, 0));
    let signal = CancellationSignal::new();
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut send = Polled::new(a.async_send(([1], vec![2]), token));
    assert!(send.poll().is_pending());
    signal.emit(CancellationType::TOTAL);
    let (result, buffer) = send.ready();
    assert!(is_cancelled(&result.unwrap_err()));
    assert_eq!(buffer, ([1], vec![2]));
    // Neither has been sent.
    for _ in 0..sent {
        assert_eq!(b.receive(&mut [0; 8]).blocking().unwrap(), 4);
    }
    assert!(Polled::new(b.receive([0; 8])).poll().is_pending());
}

#[test]
fn udp_to_itself_as_fast_as_it_can() {
    // Nothing waits for ever, whatever is dropped on the way.
    let context = IoContext::new().unwrap();
    let (a, b) = udp_pair(&context);
    let bytes = pattern(60_000);
    drive(&context, async {
        for _ in 0..200 {
            assert_eq!(a.send(&bytes).await.unwrap(), bytes.len());
        }
    });
    let mut got = vec![0; bytes.len()];
    assert_eq!(b.receive(&mut got).blocking().unwrap(), bytes.len());
    assert!(got == bytes);
}
