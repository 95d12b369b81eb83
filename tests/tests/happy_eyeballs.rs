//! Connecting to whichever of several addresses accepts first: RFC 8305, by a clock that
//! stands still. Addresses that lead nowhere are those of listeners whose queue is full.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::Strand;
use async_op::net::{ConnectErrors, Resolver, TcpSocket, TcpStream};
use async_op::test::{Probe, TestContext};
use async_op::{
    Executor, IoContext, IoObject, UseFuture, bind_cancellation_slot, is_cancelled, is_timeout,
};
use async_op_tests::net::listen;
use async_op_tests::{Log, Polled};

/// How long an attempt has before the next one begins.
const PAUSE: Duration = Duration::from_millis(250);

type Connected = io::Result<(TcpStream, SocketAddr)>;

fn loopback(is_v6: bool) -> SocketAddr {
    let address = if is_v6 { "[::1]:0" } else { "127.0.0.1:0" };
    address.parse().unwrap()
}

fn open(is_v6: bool) -> std::net::TcpListener {
    std::net::TcpListener::bind(loopback(is_v6)).unwrap()
}

/// An address of our own, at which nobody listens.
struct Closed(TcpSocket);

impl Closed {
    fn new(is_v6: bool) -> Self {
        let socket = unused(&IoContext::new().unwrap(), is_v6);
        socket.bind(loopback(is_v6)).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

fn unused(context: &IoContext, is_v6: bool) -> TcpSocket {
    match is_v6 {
        true => TcpSocket::new_v6(context).unwrap(),
        false => TcpSocket::new_v4(context).unwrap(),
    }
}

/// Where neither anybody accepts nor anything fails.
struct BlackHole {
    listener: std::net::TcpListener,
    _first: std::net::TcpStream,
}

impl BlackHole {
    fn new(is_v6: bool) -> Self {
        let context = IoContext::new().unwrap();
        let socket = unused(&context, is_v6);
        socket.bind(loopback(is_v6)).unwrap();
        let listener = socket.listen(0).unwrap().into_std().unwrap();
        // There is room for one.
        let first = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self {
            listener,
            _first: first,
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

/// How many sockets there are that are about to connect to `address`.
fn attempts(address: SocketAddr) -> usize {
    // The system gives the table out in pieces: while others change it, a socket may be there
    // twice, or not at all.
    let mut seen = connecting_to(address);
    loop {
        let again = connecting_to(address);
        if again == seen {
            return seen.len();
        }
        seen = again;
    }
}

/// Their own addresses.
fn connecting_to(address: SocketAddr) -> BTreeSet<String> {
    let table = if address.is_ipv4() { "tcp" } else { "tcp6" };
    let table = std::fs::read_to_string(format!("/proc/self/net/{table}")).unwrap();
    let port = format!(":{:04X}", address.port());
    let lines = table.lines().map(|line| line.split_whitespace().collect());
    // Its own address, that of the peer, and the state: that a SYN has been sent.
    let connecting = lines.filter_map(|fields: Vec<_>| {
        (fields[2].ends_with(&port) && fields[3] == "02").then(|| fields[1].to_owned())
    });
    connecting.collect()
}

fn errors_of(error: &io::Error) -> &[(SocketAddr, io::Error)] {
    let errors = error.get_ref().and_then(|error| error.downcast_ref());
    errors.map(ConnectErrors::attempts).unwrap()
}

#[test]
fn the_first_address_has_a_quarter_of_a_second() {
    let context = TestContext::new();
    let (hole, listener) = (BlackHole::new(true), open(false));
    let addresses = [hole.address(), listener.local_addr().unwrap()];
    let (stream, address) = TcpStream::connect_any(&context, addresses)
        .blocking()
        .unwrap();
    assert_eq!(address, addresses[1]);
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert_eq!(context.elapsed(), PAUSE);
    // The other one has been given up.
    assert_eq!(attempts(hole.address()), 0);
}

#[test]
fn each_of_many_has_its_time() {
    let context = TestContext::new();
    let holes: Vec<_> = (0..5).map(|n| BlackHole::new(n % 2 == 0)).collect();
    let listener = open(false);
    let mut addresses: Vec<_> = holes.iter().map(BlackHole::address).collect();
    addresses.push(listener.local_addr().unwrap());
    let (_, address) = TcpStream::connect_any(&context, addresses)
        .blocking()
        .unwrap();
    assert_eq!(address, listener.local_addr().unwrap());
    assert_eq!(context.elapsed(), 5 * PAUSE);
    assert!(holes.iter().all(|hole| attempts(hole.address()) == 0));
}

#[test]
fn families_take_turns() {
    let context = TestContext::new();
    // Three of IPv6 that lead nowhere come first, but the one of IPv4 is second in turn.
    let holes: Vec<_> = (0..3).map(|_| BlackHole::new(true)).collect();
    let listener = open(false);
    let mut addresses: Vec<_> = holes.iter().map(BlackHole::address).collect();
    addresses.push(listener.local_addr().unwrap());
    TcpStream::connect_any(&context, addresses)
        .blocking()
        .unwrap();
    assert_eq!(context.elapsed(), PAUSE);
}

#[test]
fn one_that_fails_does_not_hold_up_the_next() {
    let context = TestContext::new();
    let (listener, closed) = (open(false), [Closed::new(true), Closed::new(false)]);
    let closed = closed.each_ref().map(Closed::address);
    let addresses = [closed[0], closed[1], listener.local_addr().unwrap()];
    let (_, address) = TcpStream::connect_any(&context, addresses)
        .blocking()
        .unwrap();
    assert_eq!(address, addresses[2]);
    assert_eq!(context.elapsed(), Duration::ZERO);
}

#[test]
fn one_that_accepts_at_once_is_the_only_one_that_is_tried() {
    let context = TestContext::new();
    let (first, second) = (open(true), open(false));
    let addresses = [&first, &second].map(|listener| listener.local_addr().unwrap());
    let (_, address) = TcpStream::connect_any(&context, addresses)
        .blocking()
        .unwrap();
    assert_eq!(address, addresses[0]);
    assert_eq!(context.elapsed(), Duration::ZERO);
    second.set_nonblocking(true).unwrap();
    assert_eq!(second.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn all_of_them_fail() {
    let context = TestContext::new();
    let closed = [false, false, true].map(Closed::new);
    let addresses = closed.each_ref().map(Closed::address);
    let connect = TcpStream::connect_any(&context, addresses);
    let error = connect.blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // In the order in which they were tried.
    let tried = errors_of(&error).iter().map(|(address, error)| {
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
        *address
    });
    let order = [addresses[0], addresses[2], addresses[1]];
    assert_eq!(tried.collect::<Vec<_>>(), order);
    let text = error.to_string();
    let places = order.map(|address| text.find(&address.to_string()).unwrap());
    assert!(places.is_sorted(), "{text}");
    let source = error.get_ref().unwrap().source().unwrap();
    let source: &io::Error = source.downcast_ref().unwrap();
    assert_eq!(source.raw_os_error(), Some(libc::ECONNREFUSED));
    assert_eq!(context.elapsed(), Duration::ZERO);
}

#[test]
fn one_or_none() {
    let context = TestContext::new();
    let closed = Closed::new(false);
    let error = TcpStream::connect_any(&context, [closed.address()])
        .blocking()
        .unwrap_err();
    // The system's own.
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    let error = TcpStream::connect_any(&context, []).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_limit_on_time_leaves_nothing() {
    let context = TestContext::new();
    let holes = [BlackHole::new(true), BlackHole::new(false)];
    let addresses = holes.each_ref().map(BlackHole::address);
    let limit = 10 * PAUSE;
    let error = TcpStream::connect_any(&context, addresses)
        .cancel_after(limit)
        .blocking()
        .unwrap_err();
    assert!(is_timeout(&error));
    assert_eq!(context.elapsed(), limit);
    assert_eq!(addresses.map(attempts), [0, 0]);
    // Also one that is over before the second attempt.
    let error = TcpStream::connect_any(&context, addresses)
        .cancel_after(PAUSE / 2)
        .blocking()
        .unwrap_err();
    assert!(is_timeout(&error));
    assert_eq!(context.elapsed(), limit + PAUSE / 2);
    assert_eq!(addresses.map(attempts), [0, 0]);
}

#[test]
fn asked_to_stop() {
    let context = TestContext::new();
    let holes = [BlackHole::new(true), BlackHole::new(false)];
    let addresses = holes.each_ref().map(BlackHole::address);
    for kind in [
        CancellationType::TERMINAL,
        CancellationType::PARTIAL,
        CancellationType::TOTAL,
    ] {
        for pauses in 0..2 {
            let signal = CancellationSignal::new();
            let probe = Probe::<(Connected,)>::new();
            let token = bind_cancellation_slot(signal.slot(), probe.handler());
            TcpStream::connect_any(&context, addresses).with(token);
            context.advance(pauses * PAUSE);
            let begun = addresses.map(attempts);
            assert_eq!(begun, [1, pauses.try_into().unwrap()]);
            signal.emit(kind);
            context.run_until_stalled();
            assert!(is_cancelled(&probe.take().0.unwrap_err()));
            assert_eq!(addresses.map(attempts), [0, 0]);
        }
    }
}

#[test]
fn dropped() {
    let context = TestContext::new();
    let holes = [BlackHole::new(true), BlackHole::new(false)];
    let addresses = holes.each_ref().map(BlackHole::address);
    for pauses in 0..2 {
        let mut connect = Polled::new(TcpStream::connect_any(&context, addresses));
        assert!(connect.poll().is_pending());
        if pauses > 0 {
            context.advance(PAUSE);
            assert!(connect.poll().is_pending());
        }
        assert_eq!(addresses.map(attempts), [1, pauses]);
        assert_eq!(connect.drop_future().counts().1, 0);
        assert_eq!(addresses.map(attempts), [0, 0]);
    }
}

#[test]
fn its_context_is_dropped() {
    let context = IoContext::new().unwrap();
    let holes = [BlackHole::new(true), BlackHole::new(false)];
    let addresses = holes.each_ref().map(BlackHole::address);
    let mut connect = Polled::new(TcpStream::connect_any(&context, addresses));
    assert!(connect.poll().is_pending());
    drop(context);
    // By the attempt, and by the time that it has.
    assert_eq!(connect.wakes(), 2);
    let error = connect.ready().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(connect.drop_future().counts().1, 0);
    assert_eq!(addresses.map(attempts), [0, 0]);
}

#[test]
fn a_wake_polls_the_system_no_more_than_it_has_to() {
    // Each attempt is looked at when something is new, and asks the system only when it has
    // had an event of its own: what is not writable is not asked.
    let context = TestContext::new();
    let hole = BlackHole::new(true);
    let listener = open(false);
    let addresses = [hole.address(), listener.local_addr().unwrap()];
    let mut connect = Polled::new(TcpStream::connect_any(&context, addresses));
    assert!(connect.poll().is_pending());
    context.advance(PAUSE);
    assert_eq!(connect.wakes(), 1);
    // The second attempt, and its event.
    let mut result = connect.poll();
    while result.is_pending() {
        context.run_until_stalled();
        result = connect.poll();
    }
    assert_eq!(connect.wakes(), 2);
}

#[test]
fn on_a_strand() {
    let context = TestContext::new();
    let strand = Strand::new(context.executor());
    let (hole, listener) = (BlackHole::new(true), open(false));
    let addresses = [hole.address(), listener.local_addr().unwrap()];
    let (log, here) = (Log::new(), strand.clone());
    let inner = log.clone();
    TcpStream::connect_any_on(&context, &strand, addresses).callback(move |result| {
        let (stream, address) = result.unwrap();
        assert!(here.runs_here());
        assert!(*stream.executor().inner() == here);
        inner.push(format!("{}", address == addresses[1]));
    });
    context.run();
    assert_eq!(log.take(), "true");
    assert_eq!(context.elapsed(), PAUSE);
}

#[test]
fn an_iterator_that_does_not_know_its_length() {
    let context = TestContext::new();
    let listener = open(false);
    let closed = [false; 20].map(Closed::new);
    let mut left: Vec<_> = closed.iter().map(Closed::address).collect();
    left.push(listener.local_addr().unwrap());
    let mut left = left.into_iter();
    let addresses = std::iter::from_fn(move || left.next());
    let (_, address) = TcpStream::connect_any(&context, addresses)
        .blocking()
        .unwrap();
    assert_eq!(address, listener.local_addr().unwrap());
}

#[test]
fn a_host_by_name() {
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let port = listener.local_addr().unwrap().port();
    // Other families may come first, where nobody listens.
    let (stream, address) = TcpStream::connect_host(&context, "localhost", port)
        .blocking()
        .unwrap();
    assert_eq!(address, listener.local_addr().unwrap());
    assert_eq!(stream.peer_addr().unwrap(), address);
    let strand = Strand::new(context.executor());
    let (stream, _) = TcpStream::connect_host_on(&context, &strand, "127.0.0.1", port)
        .blocking()
        .unwrap();
    assert!(*stream.executor().inner() == strand);
}

#[test]
fn a_host_that_does_not_exist_or_does_not_listen() {
    let context = IoContext::new().unwrap();
    let find = Resolver::new(&context).resolve("no-such-host.invalid", 80);
    let unknown = find.blocking().unwrap_err();
    let error = TcpStream::connect_host(&context, "no-such-host.invalid", 80)
        .blocking()
        .unwrap_err();
    assert_eq!(error.to_string(), unknown.to_string());
    let closed = Closed::new(false);
    let error = TcpStream::connect_host(&context, "127.0.0.1", closed.address().port())
        .blocking()
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
}

#[test]
fn a_host_by_name_is_given_up() {
    let context = TestContext::new();
    let hole = BlackHole::new(false);
    let port = hole.address().port();
    let signal = CancellationSignal::new();
    // An address in writing is found at once; then the attempt waits.
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let connect = TcpStream::async_connect_host(&context, "127.0.0.1", port, token);
    let mut connect = Polled::new(connect);
    assert!(connect.poll().is_pending());
    assert_eq!(attempts(hole.address()), 1);
    signal.emit(CancellationType::TOTAL);
    assert!(is_cancelled(&connect.ready().unwrap_err()));
    assert_eq!(attempts(hole.address()), 0);
}
