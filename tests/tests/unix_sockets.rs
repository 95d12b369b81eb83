//! Unix sockets for streams. What they share with other streams is in
//! `byte_streams`.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::read_exact;
use async_op::net::{UnixListener, UnixStream};
use async_op::{IoContext, UseFuture, bind_cancellation_slot, is_cancelled};
use async_op_tests::net::{drive, until_woken};
use async_op_tests::{Polled, without_hanging};

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
fn connecting_and_accepting() {
    let (context, place) = (IoContext::new().unwrap(), Place::new("accept"));
    let listener = UnixListener::bind(&context, &place).unwrap();
    let mut accept = Polled::new(listener.accept());
    assert!(accept.poll().is_pending());
    let client = UnixStream::connect(&context, &place.0).blocking().unwrap();
    until_woken(&context, &accept);
    let (server, address) = accept.ready().unwrap();
    assert!(address.is_unnamed());
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*place.0));
    assert_eq!(server.local_addr().unwrap().as_pathname(), Some(&*place.0));
    assert_eq!(
        listener.local_addr().unwrap().as_pathname(),
        Some(&*place.0)
    );
    assert!(client.local_addr().unwrap().is_unnamed());
    client.write_some("hello").blocking().unwrap();
    assert_eq!(server.read_some(&mut [0; 9]).blocking().unwrap(), 5);
    // Where somebody is already.
    let error = UnixListener::bind(&context, &place).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn nobody_to_connect_to() {
    let (context, place) = (IoContext::new().unwrap(), Place::new("nobody"));
    let connect = || UnixStream::connect(&context, &place.0).blocking();
    assert_eq!(connect().unwrap_err().kind(), ErrorKind::NotFound);
    drop(UnixListener::bind(&context, &place).unwrap());
    // The file is still there.
    assert_eq!(connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let long = "x".repeat(200);
    let error = UnixStream::connect(&context, Path::new(&long)).blocking();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    let executor = context.executor();
    drop(context);
    let listener = UnixListener::bind(&executor, place.0.with_extension("other"));
    let _ = fs::remove_file(place.0.with_extension("other"));
    assert_eq!(listener.unwrap_err().kind(), ErrorKind::Other);
}

#[test]
fn paths_of_every_type() {
    let (context, place) = (IoContext::new().unwrap(), Place::new("types"));
    let _listener = UnixListener::bind(&context, &place).unwrap();
    // None of them outlives the call that makes or starts the operation.
    let text = place.0.to_str().unwrap().to_owned();
    let operations = [
        UnixStream::connect(&context, text.as_str()),
        UnixStream::connect(&context, &*text.clone()),
    ];
    drop(text);
    for operation in operations {
        operation.blocking().unwrap();
    }
    let connected = Arc::new(Mutex::new(0));
    for n in 0..3 {
        let connected = Arc::clone(&connected);
        let callback = move |result: io::Result<UnixStream>| {
            result.unwrap();
            *connected.lock().unwrap() += 1;
        };
        let path = place.0.clone();
        match n {
            0 => UnixStream::async_connect(&context, &path, callback),
            1 => UnixStream::async_connect(&context, path.as_os_str(), callback),
            _ => UnixStream::async_connect(&context, &place, callback),
        }
    }
    context.run();
    assert_eq!(*connected.lock().unwrap(), 3);
}

#[test]
fn abstract_addresses() {
    let context = IoContext::new().unwrap();
    let name = format!("async-op-{}-stream", std::process::id());
    let address = unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let refused = UnixStream::connect_addr(&context, &address).blocking();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let listener = UnixListener::bind_addr(&context, &address).unwrap();
    let local = listener.local_addr().unwrap();
    assert_eq!(local.as_abstract_name(), Some(name.as_bytes()));
    let client = UnixStream::connect_addr(&context, &local);
    let client = client.blocking().unwrap();
    let (server, _) = listener.accept().blocking().unwrap();
    let peer = client.peer_addr().unwrap();
    assert_eq!(peer.as_abstract_name(), Some(name.as_bytes()));
    client.write_some("hello").blocking().unwrap();
    assert_eq!(server.read_some(&mut [0; 9]).blocking().unwrap(), 5);
}

#[test]
fn the_queue_of_a_listener_is_full() {
    let (context, place) = (IoContext::new().unwrap(), Place::new("full"));
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&place).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    let listener = UnixListener::from_std(&context, socket.into()).unwrap();
    let connect = || UnixStream::connect(&context, &place.0).blocking();
    let _first = connect().unwrap();
    assert_eq!(connect().unwrap_err().kind(), ErrorKind::WouldBlock);
    listener.accept().blocking().unwrap();
    let _second = connect().unwrap();
}

#[test]
fn accepts_share_the_connections() {
    let (context, place) = (IoContext::new().unwrap(), Place::new("share"));
    let listener = UnixListener::bind(&context, &place).unwrap();
    let accepted = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..4 {
        let accepted = Arc::clone(&accepted);
        listener.accept().callback(move |result| {
            accepted.lock().unwrap().push(result.unwrap().0);
        });
    }
    assert_eq!(context.poll(), 0);
    let clients = [(); 4].map(|()| unix::net::UnixStream::connect(&place).unwrap());
    assert_eq!(context.run(), 4);
    for mut client in clients {
        client.write_all(b"x").unwrap();
    }
    for stream in accepted.lock().unwrap().drain(..) {
        assert_eq!(stream.read_some(&mut [0; 2]).blocking().unwrap(), 1);
    }
}

#[test]
fn accepts_that_end_without_a_connection() {
    let (context, place) = (IoContext::new().unwrap(), Place::new("end"));
    let listener = UnixListener::bind(&context, &place).unwrap();
    let signal = CancellationSignal::new();
    for kind in [CancellationType::TERMINAL, CancellationType::TOTAL] {
        let token = bind_cancellation_slot(signal.slot(), UseFuture);
        let mut accept = Polled::new(listener.async_accept(token));
        assert!(accept.poll().is_pending());
        signal.emit(kind);
        assert!(is_cancelled(&accept.ready().unwrap_err()));
    }
    let mut accept = Polled::new(listener.accept());
    assert!(accept.poll().is_pending());
    assert_eq!(accept.drop_future().counts(), (0, 0));
    // None of them has taken the connection.
    let _client = unix::net::UnixStream::connect(&place).unwrap();
    listener.accept().blocking().unwrap();
    let mut accept = Polled::new(listener.accept());
    assert!(accept.poll().is_pending());
    let listener = listener.into_mio().unwrap_err();
    drop(context);
    assert_eq!(accept.wakes(), 1);
    assert_eq!(accept.ready().unwrap_err().kind(), ErrorKind::Other);
    drop(accept);
    // It listens elsewhere.
    let other = IoContext::new().unwrap();
    let socket = listener.into_std().unwrap();
    let listener = UnixListener::from_std(&other, socket).unwrap();
    let _client = unix::net::UnixStream::connect(&place).unwrap();
    listener.accept().blocking().unwrap();
}

#[test]
fn a_shutdown_ends_what_waits() {
    let context = IoContext::new().unwrap();
    let (a, b) = UnixStream::pair(&context).unwrap();
    let mut read = Polled::new(a.read_some([0; 4]));
    assert!(read.poll().is_pending());
    a.shutdown(Shutdown::Read).unwrap();
    until_woken(&context, &read);
    assert_eq!(read.ready().0.unwrap(), 0);
    let chunk = [0; 1 << 14];
    let mut write = loop {
        let mut write = Polled::new(a.write_some(&chunk));
        if write.poll().is_pending() {
            break write;
        }
    };
    b.shutdown(Shutdown::Both).unwrap();
    until_woken(&context, &write);
    assert_eq!(write.ready().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_peer_that_closes_with_data_unread_resets() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = UnixStream::pair(&context).unwrap();
    stream.write_some("unread").blocking().unwrap();
    let mut read = Polled::new(stream.read_some([7; 4]));
    assert!(read.poll().is_pending());
    drop(peer);
    until_woken(&context, &read);
    let (result, buffer) = read.ready();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(buffer, [7; 4]);
    assert_eq!(stream.read_some(&mut [0; 4]).blocking().unwrap(), 0);
}

/// Sends `bytes` together with a duplicate of `fd`.
fn send_with(stream: &unix::net::UnixStream, bytes: &[u8], fd: RawFd) {
    #[repr(C)]
    struct Control {
        header: libc::cmsghdr,
        fd: RawFd,
    }
    let mut control = Control {
        header: libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<RawFd>(),
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        fd,
    };
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: all zeroes are a message of nothing.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = size_of::<Control>();
    // SAFETY: what the message points to is alive, and of the lengths given.
    let n = unsafe { libc::sendmsg(stream.as_raw_fd(), &raw const message, 0) };
    assert_eq!(
        n,
        bytes.len().try_into().unwrap(),
        "{}",
        io::Error::last_os_error()
    );
}

/// The system ends a read where descriptors were sent, though there is more.
#[test]
fn a_read_cut_short_by_a_descriptor_does_not_hide_what_follows() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = unix::net::UnixStream::pair().unwrap();
    let stream = UnixStream::from_std(&context, stream).unwrap();
    let mut read = Polled::new(stream.read_some([0; 64]));
    assert!(read.poll().is_pending());
    send_with(&peer, b"a", peer.as_raw_fd());
    peer.write_all(b"bcd").unwrap();
    until_woken(&context, &read);
    let (result, _) = read.ready();
    assert_eq!(result.unwrap(), 1);
    let (result, _) = Polled::new(stream.read_some([0; 64])).ready();
    assert_eq!(result.unwrap(), 3);
    // In several parts.
    send_with(&peer, b"ef", peer.as_raw_fd());
    peer.write_all(b"gh").unwrap();
    let mut parts = ([0; 1], [0; 3]);
    read_exact(&stream, [&mut parts.0[..], &mut parts.1[..]])
        .blocking()
        .0
        .unwrap();
    assert_eq!(parts, (*b"e", *b"fgh"));
}

/// A read ends where another process has written, if the reader asks for credentials.
#[test]
#[cfg(target_os = "linux")]
fn reads_with_credentials() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (ours, theirs) = StdStream::pair().unwrap();
        let stream = UnixStream::from_std(&context, ours).unwrap();
        let on: libc::c_int = 1;
        // SAFETY: the option is a number, which lives until the call returns.
        let set = unsafe {
            libc::setsockopt(
                stream.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PASSCRED,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            )
        };
        assert_eq!(set, 0);
        for _ in 0..3 {
            (&theirs).write_all(b"one").unwrap();
            let mut other = Command::new("printf");
            let other = other
                .arg("three")
                .stdout(OwnedFd::from(theirs.try_clone().unwrap()));
            assert!(other.status().unwrap().success());
            drive(&context, async {
                let mut buffer = [0; 100];
                assert_eq!(stream.read_some(&mut buffer).await.unwrap(), 3);
                assert_eq!(stream.read_some(&mut buffer).await.unwrap(), 5);
            });
        }
    });
}

/// A socket of messages that comes from elsewhere: each read takes one, though more have
/// come with the same event.
#[test]
fn reads_of_messages() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let mut fds = [0; 2];
        // SAFETY: there is room for two descriptors.
        let made =
            unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, fds.as_mut_ptr()) };
        assert_eq!(made, 0);
        // SAFETY: they are open, and nobody else's.
        let [ours, mut theirs] = fds.map(|fd| unsafe { StdStream::from_raw_fd(fd) });
        let stream = UnixStream::from_std(&context, ours).unwrap();
        for _ in 0..3 {
            theirs.write_all(b"one").unwrap();
            theirs.write_all(b"three").unwrap();
            drive(&context, async {
                let mut buffer = [0; 100];
                assert_eq!(stream.read_some(&mut buffer).await.unwrap(), 3);
                assert_eq!(stream.read_some(&mut buffer).await.unwrap(), 5);
            });
        }
    });
}
