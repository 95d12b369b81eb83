//! Options of sockets: what is set is what the system has, before there is a connection and
//! afterwards.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use async_op::executor::Strand;
use async_op::net::{Keepalive, TcpListener, TcpSocket, TcpStream, UdpSocket};
use async_op::{Executor, IoContext, IoObject, is_cancelled};
use async_op_tests::net::{half_pair, is_reset_lost, listen, pair};
use async_op_tests::{Log, is_emulated, under_wine};
use socket2::SockRef;

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn loopback_v6() -> SocketAddr {
    (Ipv6Addr::LOCALHOST, 0).into()
}

/// Whether this machine has IPv6; a test of that says so if it has not.
fn has_v6() -> bool {
    let has_v6 = std::net::UdpSocket::bind(loopback_v6()).is_ok();
    if !has_v6 {
        println!("skipped: no IPv6");
    }
    has_v6
}

fn udp(context: &IoContext) -> UdpSocket {
    UdpSocket::bind(context, loopback()).unwrap()
}

/// Each option of a type that is on or off, or a number: set, and asked for.
macro_rules! set_and_get {
    ($socket:expr; $($set:ident $get:ident: $($value:expr),*;)*) => {$(
        $(
            $socket.$set($value).unwrap();
            assert_eq!($socket.$get().unwrap(), $value, stringify!($get));
        )*
    )*};
}

#[test]
fn of_a_tcp_socket() {
    let context = IoContext::new().unwrap();
    let socket = TcpSocket::new_v4(&context).unwrap();
    set_and_get! { socket;
        set_nodelay nodelay: true, false, true;
        set_ttl ttl: 9, 10;
        set_linger linger: Some(Duration::ZERO), Some(Duration::from_secs(3)), None;
    }
    #[cfg(unix)]
    set_and_get! { socket;
        set_reuse_address reuse_address: true, false;
        set_reuse_port reuse_port: true, false;
    }
    for size in [30_000, 50_000] {
        socket.set_send_buffer_size(size).unwrap();
        socket.set_receive_buffer_size(size).unwrap();
        // Linux has doubled it.
        assert!((size..=2 * size).contains(&socket.send_buffer_size().unwrap()));
        assert!((size..=2 * size).contains(&socket.receive_buffer_size().unwrap()));
    }
    assert!(socket.only_v6().is_err());
    assert!(format!("{socket:?}").contains("TcpSocket"));
}

#[test]
fn of_a_tcp_socket_of_ipv6() {
    if !has_v6() {
        return;
    }
    let context = IoContext::new().unwrap();
    let socket = TcpSocket::new_v6(&context).unwrap();
    set_and_get! { socket;
        set_only_v6 only_v6: true, false, true;
        set_ttl ttl: 9, 10;
    }
    // The hop limit, not what IPv4 has.
    assert_eq!(SockRef::from(&socket).unicast_hops_v6().unwrap(), 10);
    socket.bind(loopback_v6()).unwrap();
    let listener = socket.listen(1).unwrap();
    assert!(listener.only_v6().unwrap());
    assert_eq!(listener.ttl().unwrap(), 10);
    let stream = TcpStream::connect(&context, listener.local_addr().unwrap())
        .blocking()
        .unwrap();
    stream.set_ttl(11).unwrap();
    assert_eq!(SockRef::from(&stream).unicast_hops_v6().unwrap(), 11);
}

#[test]
fn those_of_a_socket_stay_when_it_connects() {
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let socket = TcpSocket::new_v4(&context).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_ttl(7).unwrap();
    let keepalive = Keepalive::after(Duration::from_secs(70));
    socket.set_keepalive(Some(keepalive)).unwrap();
    socket.set_receive_buffer_size(40_000).unwrap();
    let size = socket.receive_buffer_size().unwrap();
    socket.bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    let stream = socket
        .connect(listener.local_addr().unwrap())
        .blocking()
        .unwrap();
    assert!(stream.nodelay().unwrap() && stream.keepalive().unwrap());
    assert_eq!(stream.ttl().unwrap(), 7);
    assert_eq!(stream.receive_buffer_size().unwrap(), size);
    assert_eq!(stream.local_addr().unwrap(), address);
    let (peer, from) = listener.accept().blocking().unwrap();
    assert_eq!(from, address);
    stream.try_write_some(b"hello").unwrap();
    assert_eq!(peer.read_some(&mut [0; 8]).blocking().unwrap(), 5);
}

#[test]
fn a_socket_that_listens() {
    let context = IoContext::new().unwrap();
    let socket = TcpSocket::new_v4(&context).unwrap();
    socket.set_receive_buffer_size(40_000).unwrap();
    socket.bind(loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    let size = socket.receive_buffer_size().unwrap();
    let listener: TcpListener = socket.listen(u32::MAX).unwrap();
    assert_eq!(listener.local_addr().unwrap(), address);
    assert_eq!(listener.receive_buffer_size().unwrap(), size);
    listener.set_ttl(8).unwrap();
    assert_eq!(listener.ttl().unwrap(), 8);
    assert!(listener.take_error().unwrap().is_none());
    let stream = TcpStream::connect(&context, address).blocking().unwrap();
    let (peer, _) = listener.accept().blocking().unwrap();
    assert_eq!(peer.peer_addr().unwrap(), stream.local_addr().unwrap());
    // The address is taken.
    let other = TcpSocket::new_v4(&context).unwrap();
    let error = other.bind(address).and_then(|()| other.listen(1).map(drop));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
#[cfg(unix)]
fn several_listen_to_one_port() {
    let context = IoContext::new().unwrap();
    let listen = |address| {
        let socket = TcpSocket::new_v4(&context).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(address).unwrap();
        socket.listen(8).unwrap()
    };
    let first = listen(loopback());
    let second = listen(first.local_addr().unwrap());
    assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
}

#[test]
fn sockets_on_a_strand() {
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    let socket = TcpSocket::new_v4(&context).unwrap().on(&strand);
    socket.bind(loopback()).unwrap();
    let listener = socket.listen(8).unwrap();
    assert!(*listener.executor().inner() == strand);
    let socket = TcpSocket::new_v4(&context).unwrap().on(&strand);
    let (log, inner, here) = (Log::new(), Log::new(), strand.clone());
    let said = inner.clone();
    socket
        .connect(listener.local_addr().unwrap())
        .callback(move |result| {
            let stream: TcpStream<Strand<_>> = result.unwrap();
            assert!(here.runs_here() && *stream.executor().inner() == here);
            said.push("connected");
        });
    assert_eq!(inner.take(), "");
    context.run();
    assert_eq!(
        (inner.take(), log.take()),
        ("connected".into(), String::new())
    );
    let socket: TcpSocket = TcpSocket::new_v4(&context).unwrap().on(&strand).at_home();
    drop(socket);
}

#[test]
fn a_socket_that_does_not_connect() {
    let context = IoContext::new().unwrap();
    let socket = || TcpSocket::new_v4(&context).unwrap();
    let closed = socket();
    closed.bind(loopback()).unwrap();
    let address = closed.local_addr().unwrap();
    let error = socket().connect(address).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    // Of the other family.
    let error = socket().connect((Ipv6Addr::LOCALHOST, 80).into());
    assert!(!is_cancelled(&error.blocking().unwrap_err()));
    // Not started, it is closed.
    let bound = socket();
    bound.bind(loopback()).unwrap();
    let place = bound.local_addr().unwrap();
    drop(bound.connect(address));
    let next = socket();
    next.bind(place).unwrap();
    // What its context is gone of.
    let late = socket();
    drop(context);
    let error = late.connect(address).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(next.listen(1).unwrap_err().kind(), ErrorKind::Other);
}

#[test]
fn keepalive() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    assert!(!stream.keepalive().unwrap());
    stream.set_keepalive(Some(Keepalive::new())).unwrap();
    assert!(stream.keepalive().unwrap());
    stream.set_keepalive(None).unwrap();
    assert!(!stream.keepalive().unwrap());
    let keepalive =
        Keepalive::after(Duration::from_millis(40_001)).with_interval(Duration::from_millis(1));
    stream.set_keepalive(Some(keepalive)).unwrap();
    assert!(stream.keepalive().unwrap());
    let result = stream.set_keepalive(Some(keepalive.with_retries(4)));
    // As Windows before version 1703 of 10.
    assert_eq!(result.is_err(), under_wine(), "{result:?}");
    // Rounded up: none would be an error.
    #[cfg(target_os = "linux")]
    {
        let system = SockRef::from(&stream);
        assert_eq!(system.tcp_keepalive_time().unwrap().as_secs(), 41);
        assert_eq!(system.tcp_keepalive_interval().unwrap().as_secs(), 1);
        assert_eq!(system.tcp_keepalive_retries().unwrap(), 4);
    }
    // Nobody is ever asked without a pause.
    for none in [
        Keepalive::after(Duration::ZERO),
        keepalive.with_interval(Duration::ZERO),
    ] {
        let error = stream.set_keepalive(Some(none)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn keepalive_that_is_refused() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let socket = TcpSocket::new_v4(&context).unwrap();
    // More than there are, on any system that we know of.
    let refused = Keepalive::after(Duration::from_secs(40)).with_retries(1000);
    for was_on in [false, true] {
        let before = was_on.then(Keepalive::new);
        stream.set_keepalive(before).unwrap();
        stream.set_keepalive(Some(refused)).unwrap_err();
        assert_eq!(stream.keepalive().unwrap(), was_on);
        socket.set_keepalive(before).unwrap();
        socket.set_keepalive(Some(refused)).unwrap_err();
        assert_eq!(socket.keepalive().unwrap(), was_on);
    }
}

#[test]
fn linger() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    assert_eq!(stream.linger().unwrap(), None);
    for (asked, has) in [
        (Duration::ZERO, 0),
        // None would throw away what has been written.
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(1999), 2),
        (Duration::from_secs(60), 60),
        (Duration::MAX, 65_535),
    ] {
        stream.set_linger(Some(asked)).unwrap();
        let linger = stream.linger().unwrap();
        assert_eq!(linger, Some(Duration::from_secs(has)));
    }
    stream.set_linger(None).unwrap();
    assert_eq!(stream.linger().unwrap(), None);
}

#[test]
fn without_linger_the_peer_is_reset() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    stream.try_write_some(b"lost").unwrap();
    peer.write_all(b"unread").unwrap();
    stream.set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    let result = peer.read_to_end(&mut Vec::new());
    if !is_reset_lost() {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
#[cfg_attr(windows, ignore = "of a reset reads and writes alone tell there")]
fn the_error_that_is_pending_is_taken() {
    let context = IoContext::new().unwrap();
    let (a, b) = pair(&context);
    assert!(a.take_error().unwrap().is_none());
    b.set_linger(Some(Duration::ZERO)).unwrap();
    drop(b);
    let error = a.take_error().unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(a.take_error().unwrap().is_none());
}

#[test]
fn of_a_udp_socket() {
    let context = IoContext::new().unwrap();
    let socket = udp(&context);
    set_and_get! { socket;
        set_broadcast broadcast: true, false, true;
        set_ttl ttl: 9, 10;
        set_multicast_loop_v4 multicast_loop_v4: false, true;
        set_multicast_ttl_v4 multicast_ttl_v4: 5, 6;
    }
    socket.set_send_buffer_size(30_000).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 30_000);
    socket.set_receive_buffer_size(30_000).unwrap();
    assert!(socket.receive_buffer_size().unwrap() >= 30_000);
    assert!(socket.take_error().unwrap().is_none());
    assert!(socket.only_v6().is_err());
}

#[test]
fn of_a_udp_socket_of_ipv6() {
    if !has_v6() {
        return;
    }
    let context = IoContext::new().unwrap();
    let socket = UdpSocket::bind(&context, loopback_v6()).unwrap();
    set_and_get! { socket;
        set_ttl ttl: 9, 10;
        set_multicast_loop_v6 multicast_loop_v6: false, true;
        set_multicast_hops_v6 multicast_hops_v6: 5, 6;
    }
    socket.only_v6().unwrap();
}

/// As QEMU does not know of these, what needs them is skipped there.
#[test]
fn interfaces_of_groups() {
    if is_emulated() {
        return;
    }
    let context = IoContext::new().unwrap();
    let socket = udp(&context);
    set_and_get! { socket;
        set_multicast_interface_v4 multicast_interface_v4: Ipv4Addr::LOCALHOST;
    }
    if has_v6() {
        let socket = UdpSocket::bind(&context, loopback_v6()).unwrap();
        set_and_get! { socket;
            set_multicast_interface_v6 multicast_interface_v6: 0;
        }
    }
}

/// No part of one is taken for the whole, and none for "as it was".
#[test]
fn numbers_beyond_those_of_the_system() {
    let context = IoContext::new().unwrap();
    let socket = udp(&context);
    for number in [256, u32::MAX] {
        socket.set_ttl(number).unwrap_err();
        socket.set_multicast_ttl_v4(number).unwrap_err();
    }
    if has_v6() {
        let socket = UdpSocket::bind(&context, loopback_v6()).unwrap();
        for number in [256, u32::MAX] {
            socket.set_ttl(number).unwrap_err();
            socket.set_multicast_hops_v6(number).unwrap_err();
        }
    }
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    {
        socket.set_send_buffer_size(1 << 32).unwrap();
        assert!(socket.send_buffer_size().unwrap() >= 30_000);
        socket.set_receive_buffer_size(1 << 32).unwrap();
        assert!(socket.receive_buffer_size().unwrap() >= 30_000);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn members_of_a_group() {
    if is_emulated() {
        return;
    }
    let context = IoContext::new().unwrap();
    let group = Ipv4Addr::new(239, 255, 83, 17);
    let here = Ipv4Addr::LOCALHOST;
    let member = UdpSocket::bind(&context, (Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
    let port = member.local_addr().unwrap().port();
    let sender = udp(&context);
    sender.set_multicast_interface_v4(here).unwrap();
    let send = |text: &str| sender.try_send_to(text.as_bytes(), (group, port).into());
    let mut buffer = [0; 16];
    // Before it has joined, while it is in, and afterwards.
    send("early").unwrap();
    member.join_multicast_v4(group, here).unwrap();
    send("in").unwrap();
    member.leave_multicast_v4(group, here).unwrap();
    send("late").unwrap();
    let (n, from) = member.try_receive_from(&mut buffer).unwrap();
    assert_eq!(
        (&buffer[..n], from),
        (&b"in"[..], sender.local_addr().unwrap())
    );
    let error = member.try_receive(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    member.leave_multicast_v4(group, here).unwrap_err();
    member.join_multicast_v4(here, here).unwrap_err(); // no group
}

#[test]
#[cfg(target_os = "linux")]
fn members_of_a_group_of_ipv6() {
    if !has_v6() || is_emulated() {
        return;
    }
    let context = IoContext::new().unwrap();
    // Of this machine alone, on its own interface.
    let (group, here): (Ipv6Addr, u32) = ("ff01::8317".parse().unwrap(), 1);
    let member = UdpSocket::bind(&context, (Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
    let port = member.local_addr().unwrap().port();
    let sender = UdpSocket::bind(&context, loopback_v6()).unwrap();
    sender.set_multicast_interface_v6(here).unwrap();
    assert_eq!(sender.multicast_interface_v6().unwrap(), here);
    member.join_multicast_v6(group, here).unwrap();
    let send = |text: &[u8]| sender.try_send_to(text, (group, port).into());
    let mut buffer = [0; 16];
    match send(b"in") {
        Ok(_) => assert_eq!(member.try_receive(&mut buffer).unwrap(), 2),
        // That interface may have no route for groups.
        Err(error) => assert_eq!(error.kind(), ErrorKind::NetworkUnreachable),
    }
    member.leave_multicast_v6(group, here).unwrap();
    member.leave_multicast_v6(group, here).unwrap_err();
    let _ = send(b"late");
    let error = member.try_receive(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn what_has_no_function_here() {
    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let socket = SockRef::from(&stream);
    socket.set_out_of_band_inline(true).unwrap();
    assert!(socket.out_of_band_inline().unwrap());
    let listener = listen(&context);
    SockRef::from(&listener).local_addr().unwrap();
    SockRef::from(&udp(&context)).local_addr().unwrap();
    let socket = TcpSocket::new_v4(&context).unwrap();
    SockRef::from(&socket).r#type().unwrap();
}
