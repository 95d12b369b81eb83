//! The descriptor table is full. In a process of its own: the limit is the
//! process's.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::pin::pin;

use async_op::{IoContext, UseFuture};
use async_op_tests::net::{Wakes, drive, listen, poll_with};
use socket2::{Domain, Socket, Type};

fn limit_descriptors(soft: libc::rlim_t) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure is alive, and the call fills it.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    assert_eq!(read, 0);
    limit.rlim_cur = soft;
    // SAFETY: the structure is alive, and only read.
    let written = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(written, 0);
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_connection_that_cannot_be_accepted_is_accepted_later() {
    let context = IoContext::new().unwrap();
    let listener = listen(&context);
    let address = listener.local_addr().unwrap().into();
    let [first, second] = [(); 2].map(|()| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
    let before = open_descriptors();

    limit_descriptors(64);
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }

    // One that waits when the connection comes, and one that finds it there.
    let mut accept = pin!(listener.async_accept(UseFuture));
    assert!(poll_with(accept.as_mut(), &Wakes::default().waker()).is_pending());
    first.connect(&address).unwrap();
    second.connect(&address).unwrap();
    let error = drive(&context, accept).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    let error = listener.accept().blocking().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
    // Nor can there be another context.
    let error = IoContext::new().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE));

    files.clear();
    let mut accepted = Vec::new();
    for client in [&first, &second] {
        let (stream, peer) = listener.accept().blocking().unwrap();
        assert_eq!(Some(peer), client.local_addr().unwrap().as_socket());
        accepted.push(stream);
    }
    assert_eq!(open_descriptors(), before + 2);
    accepted[1].write_some("x").blocking().unwrap();
    accepted.clear();
    assert_eq!(open_descriptors(), before);
}
