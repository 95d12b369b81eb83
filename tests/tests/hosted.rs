//! A context driven by the event loop of somebody else.
#![cfg(unix)]

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_op::IoContext;
use async_op::executor::WorkGuard;
use async_op::io::{read_exact, write_all};
use async_op::net::UnixStream;
use async_op::time::Timer;
use async_op_tests::net::post;
use async_op_tests::without_hanging;

/// Waits as a host does, at most as long as the context says; returns whether
/// the descriptor was readable.
fn wait(context: &IoContext) -> bool {
    let mut host = libc::pollfd {
        fd: context.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which lives until the call returns.
    let count = unsafe { libc::poll(&raw mut host, 1, context.timeout_millis()) };
    assert!(count >= 0, "{}", std::io::Error::last_os_error());
    count == 1
}

/// Whether the descriptor is readable now.
fn is_readable(context: &IoContext) -> bool {
    let mut host = libc::pollfd {
        fd: context.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which lives until the call returns.
    unsafe { libc::poll(&raw mut host, 1, 0) == 1 }
}

#[test]
fn a_post_from_anywhere_makes_it_readable_once() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        assert!(!is_readable(&context));
        assert_eq!(context.timeout(), None);
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let (executor, count) = (context.executor(), count.clone());
            let add = move || {
                count.fetch_add(1, Ordering::SeqCst);
            };
            thread::spawn(move || post(&executor, add)).join().unwrap();
        }
        assert_eq!(context.timeout(), Some(Duration::ZERO));
        assert!(wait(&context));
        assert_eq!(context.poll(), 3);
        context.poll();
        // What has been said has been taken back.
        assert!(!is_readable(&context));
        assert_eq!(count.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn a_post_that_comes_while_the_host_waits() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        assert!(!is_readable(&context));
        let executor = context.executor();
        let other = thread::spawn(move || {
            for _ in 0..1000 {
                post(&executor, || ());
            }
        });
        let mut ran = 0;
        while ran < 1000 {
            wait(&context);
            ran += context.poll();
        }
        other.join().unwrap();
        assert_eq!(ran, 1000);
    });
}

#[test]
fn what_is_left_after_one_needs_no_event() {
    let context = IoContext::new().unwrap();
    let _work = WorkGuard::new(context.executor());
    assert!(!is_readable(&context));
    for _ in 0..3 {
        post(&context.executor(), || ());
    }
    for left in [2, 1, 0] {
        assert_eq!(context.poll_one(), 1);
        let timeout = (left > 0).then_some(Duration::ZERO);
        assert_eq!(context.timeout(), timeout, "{left} left");
    }
}

#[test]
fn timers_and_sockets() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        let done = Arc::new(AtomicUsize::new(0));
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_secs(3600));
        let flag = done.clone();
        timer.wait().callback(move |result| {
            result.unwrap();
            flag.fetch_add(1, Ordering::SeqCst);
        });
        assert!(context.timeout().unwrap() > Duration::from_secs(3590));
        // An earlier deadline, set by another thread: the host is told.
        assert!(!is_readable(&context));
        let soon = Timer::new(&context);
        let flag = done.clone();
        thread::spawn(move || {
            soon.expires_after(Duration::from_millis(1));
            soon.wait().callback(move |result| {
                result.unwrap();
                flag.fetch_add(1, Ordering::SeqCst);
            });
        });
        while done.load(Ordering::SeqCst) < 1 {
            wait(&context);
            context.poll();
        }

        let (a, b) = UnixStream::pair(&context).unwrap();
        let flag = done.clone();
        read_exact(&b, [0; 5]).callback(move |result, buffer| {
            result.unwrap();
            assert_eq!(&buffer, b"hello");
            flag.fetch_add(1, Ordering::SeqCst);
        });
        write_all(&a, "hello").callback(|result| result.unwrap());
        while done.load(Ordering::SeqCst) < 2 {
            wait(&context);
            context.poll();
        }
    });
}

/// What is posted, or a timer that is set, while another thread is inside `run`, and which
/// that leaves behind.
#[test]
fn what_another_thread_leaves_makes_it_readable() {
    without_hanging(|| {
        let contexts = [IoContext::new(), IoContext::for_one_thread()];
        for context in contexts.map(Result::unwrap) {
            let _work = WorkGuard::new(context.executor());
            assert!(!is_readable(&context));
            let executor = context.executor();
            // The first is run by the other thread, the second by the host.
            post(&executor, move || post(&executor, || ()));
            assert_eq!(context.poll_one(), 1);
            assert!(is_readable(&context));
            assert_eq!(context.poll(), 1);
            context.poll();
            assert!(!is_readable(&context));

            let timer = Timer::new(&context);
            timer.expires_after(Duration::from_secs(3600));
            let (set, later) = (timer.clone(), executor);
            post(&executor, move || {
                set.wait().callback(|result| assert!(result.is_err()));
                post(&later, || ());
            });
            thread::scope(|scope| {
                assert_eq!(scope.spawn(|| context.run_one()).join().unwrap(), 1);
                assert_eq!(scope.spawn(|| context.run_one()).join().unwrap(), 1);
            });
            assert!(is_readable(&context));
            assert!(context.timeout().is_some());
            assert_eq!(timer.cancel(), 1);
            while context.poll() > 0 {}
            assert!(!is_readable(&context));
        }
    });
}
