//! `Resolver`: addresses in writing at once, names on threads of their own.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::task::Poll;
use std::thread;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::net::Resolver;
use async_op::{Handler, IoContext, UseFuture, bind_cancellation_slot, is_cancelled};
use async_op_tests::{Log, Polled, Probe, Recorder};

type Found = io::Result<Vec<SocketAddr>>;

/// Finds `localhost`, and has to wait for it.
fn waits<F: Future>(start: impl Fn(&Resolver) -> F, resolver: &Resolver) -> Polled<F> {
    // A thread may have found it already.
    loop {
        let mut resolve = Polled::new(start(resolver));
        if resolve.poll().is_pending() {
            return resolve;
        }
    }
}

/// Polls until a thread has found something.
fn finish<F: Future>(resolve: &mut Polled<F>) -> F::Output {
    loop {
        if let Poll::Ready(output) = resolve.poll() {
            return output;
        }
        thread::yield_now();
    }
}

fn localhost(resolver: &Resolver) -> impl Future<Output = Found> + use<> {
    resolver.async_resolve("localhost", 80, UseFuture)
}

#[test]
fn an_address_in_writing_is_found_at_once() {
    let context = IoContext::new().unwrap();
    let resolver = Resolver::new(&context);
    let found = Polled::new(resolver.resolve("::1", 8)).ready().unwrap();
    assert_eq!(found, [SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 8)]);
    let log = Log::new();
    let inner = log.clone();
    resolver
        .resolve("10.1.2.3", 0)
        .callback(move |found| inner.push(format!("{:?}", found.unwrap())));
    assert_eq!(log.take(), "");
    context.run();
    assert_eq!(log.take(), "[10.1.2.3:0]");
}

#[test]
fn a_name_is_found_later() {
    let context = IoContext::new().unwrap();
    let resolver = Resolver::new(&context);
    let found = finish(&mut waits(localhost, &resolver)).unwrap();
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|address| address.ip().is_loopback() && address.port() == 80)
    );
    let log = Log::new();
    let (inner, recorder) = (log.clone(), Recorder::new(&Log::new()));
    let probe = Probe::calling(&log, move |(found,): (Found,)| {
        inner.push(format!("{}", found.unwrap().is_empty()));
    });
    resolver.async_resolve("localhost", 80, Handler(probe.allocating(&recorder)));
    context.restart();
    context.run();
    assert_eq!(log.take(), "call false");
    recorder.assert_balanced();
}

#[test]
fn a_name_that_does_not_exist() {
    let context = IoContext::new().unwrap();
    let resolver = Resolver::new(&context);
    // One that is empty is this machine on Windows.
    let empty = resolver.resolve("", 80).blocking();
    assert_eq!(empty.is_ok(), cfg!(windows), "{empty:?}");
    for name in ["a name", "no-such-host.invalid", &"x".repeat(300), "nul\0"] {
        resolver.resolve(name, 80).blocking().unwrap_err();
    }
}

#[test]
fn asked_to_stop_while_a_thread_looks() {
    let context = IoContext::new().unwrap();
    let resolver = Resolver::new(&context);
    for kind in [
        CancellationType::TERMINAL,
        CancellationType::PARTIAL,
        CancellationType::TOTAL,
    ] {
        let signal = CancellationSignal::new();
        let start = |resolver: &Resolver| {
            let token = bind_cancellation_slot(signal.slot(), UseFuture);
            resolver.async_resolve("localhost", 80, token)
        };
        let mut resolve = waits(start, &resolver);
        signal.emit(kind);
        assert!(resolve.wakes() > 0);
        assert!(is_cancelled(&resolve.ready().unwrap_err()));
        // By callback.
        let (log, recorder) = (Log::new(), Recorder::new(&Log::new()));
        let inner = log.clone();
        let probe = Probe::calling(&log, move |(found,): (Found,)| {
            // Unless a thread was faster.
            if let Err(error) = found {
                assert!(is_cancelled(&error));
            }
            inner.push("over");
        });
        let token = bind_cancellation_slot(signal.slot(), Handler(probe.allocating(&recorder)));
        resolver.async_resolve("localhost", 80, token);
        signal.emit(kind);
        context.restart();
        context.run();
        assert_eq!(log.take(), "call over");
        recorder.assert_balanced();
    }
}

#[test]
fn dropped_while_a_thread_looks() {
    let context = IoContext::new().unwrap();
    let resolver = Resolver::new(&context);
    let resolve = waits(localhost, &resolver);
    drop(resolve);
    assert_eq!(context.run(), 0);
}

#[test]
fn its_context_is_dropped_while_a_thread_looks() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&Log::new());
    let resolver = Resolver::new(&context);
    let mut resolve = waits(localhost, &resolver);
    let probe = Probe::calling(&log, |_: (Found,)| ()).allocating(&recorder);
    resolver.async_resolve("localhost", 80, Handler(probe));
    drop(context);
    // Names need no context, and neither does who awaits them.
    let found = finish(&mut resolve);
    assert!(!found.unwrap().is_empty());
    // Its task is dropped by the thread that wakes it, the handler last of all.
    let mut seen = log.take();
    while seen.is_empty() {
        thread::yield_now();
        seen = log.take();
    }
    assert_eq!(seen, "drop");
    recorder.assert_balanced();
}
