//! A write to a socket whose peer is gone is an error, and no more, also in a
//! process that has left the signal SIGPIPE as it was: one whose `main` is in C.

#![cfg(target_os = "linux")]

use std::env;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use async_op::IoContext;
use async_op::io::{BufferExt, copy, write_all};
use async_op::net::{UdpSocket, UnixDatagram, UnixStream, connect_pipe};
use async_op_tests::is_emulated;
use async_op_tests::net::{drive, half_pair};

const CHILD: &str = "ASYNC_OP_TEST_WITH_SIGPIPE";

/// Runs `body`, which is that of `test`, in a process of its own that SIGPIPE
/// ends; returns the signal that did.
fn with_sigpipe(test: &str, body: fn()) -> Option<i32> {
    if env::var(CHILD).is_ok() {
        // SAFETY: the default is no function of ours that would be called.
        let previous = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        assert_ne!(previous, libc::SIG_ERR);
        body();
        return None;
    }
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, "1")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success() || status.signal().is_some(), "{status}");
    status.signal()
}

/// Writes until the system has noticed that the peer is gone.
fn until_broken(mut write: impl FnMut() -> io::Result<()>) {
    loop {
        if let Err(error) = write() {
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            return;
        }
    }
}

/// Writes to a stream whose peer is gone in all the ways there are.
macro_rules! write_in_all_ways {
    ($context:ident, $stream:ident) => {
        let slices = [IoSlice::new(b"GET key"), IoSlice::new(b"\n")];
        until_broken(|| write_all(&$stream, "GET key\n").blocking());
        until_broken(|| write_all(&$stream, ("GET key", "\n")).blocking().0);
        until_broken(|| write_all(&$stream, &slices[..]).blocking());
        until_broken(|| $stream.write_some(["x"; 40]).blocking().0.map(drop));
        until_broken(|| {
            let parts = ("", "x", "yz".range(..1));
            $stream.write_some(parts).blocking().0.map(drop)
        });
        until_broken(|| $stream.try_write_some(b"x").map(drop));
        until_broken(|| {
            let (reader, writer) = connect_pipe(&$context)?;
            write_all(&writer, "x").blocking()?;
            drop(writer);
            let transfer = copy(&reader, &$stream).blocking();
            transfer.into_result().map(drop)
        });
        let mut polled = $stream.into_poll_io();
        for count in [1, 2, 3000] {
            let slices = vec![IoSlice::new(b"x"); count];
            let polled = &mut polled;
            until_broken(|| {
                let write = poll_fn(|cx| polled.poll_write(cx, &slices));
                drive(&$context, write).map(drop)
            });
        }
    };
}

#[test]
fn streams() {
    if is_emulated() {
        return;
    }
    let signal = with_sigpipe("streams", || {
        let context = IoContext::new().unwrap();
        let (stream, peer) = half_pair(&context);
        drop(peer);
        write_in_all_ways!(context, stream);
        let (stream, peer) = UnixStream::pair(&context).unwrap();
        drop(peer);
        write_in_all_ways!(context, stream);
    });
    assert_eq!(signal, None);
}

fn shut_down(socket: &impl AsRawFd, how: libc::c_int) {
    // SAFETY: the descriptor is open, and the call takes no pointer.
    let result = unsafe { libc::shutdown(socket.as_raw_fd(), how) };
    assert_eq!(result, 0);
}

#[test]
fn datagrams() {
    if is_emulated() {
        return;
    }
    let signal = with_sigpipe("datagrams", || {
        let context = IoContext::new().unwrap();
        let (stream, peer) = UnixDatagram::pair(&context).unwrap();
        drop(peer);
        assert!(stream.send("x").blocking().is_err());
        assert!(stream.send(("x", "y")).blocking().0.is_err());
        // A peer that reads no more, and an end that writes no more.
        for (peer_too, how) in [(true, libc::SHUT_RD), (false, libc::SHUT_WR)] {
            let (stream, peer) = UnixDatagram::pair(&context).unwrap();
            let end = if peer_too { &peer } else { &stream };
            shut_down(end, how);
            until_broken(|| stream.send("x").blocking().map(drop));
            until_broken(|| stream.send(("x", "y")).blocking().0.map(drop));
        }
        let stream = UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        stream.connect(stream.local_addr().unwrap()).unwrap();
        shut_down(&stream, libc::SHUT_WR);
        until_broken(|| stream.send("x").blocking().map(drop));
        until_broken(|| stream.send(("x", "y")).blocking().0.map(drop));
    });
    assert_eq!(signal, None);
}

/// A pipe has no flag that would prevent it; see `WritablePipe`.
#[test]
fn a_pipe_is_as_it_is() {
    if is_emulated() {
        return;
    }
    let signal = with_sigpipe("a_pipe_is_as_it_is", || {
        let context = IoContext::new().unwrap();
        let (reader, writer) = connect_pipe(&context).unwrap();
        drop(reader);
        let _ = write_all(&writer, "x").blocking();
    });
    let is_child = env::var(CHILD).is_ok();
    assert_eq!(signal, (!is_child).then_some(libc::SIGPIPE));
}
