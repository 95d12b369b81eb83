//! Operations on sockets with handlers, as programs mix them, with awkward input.
#![cfg(target_os = "linux")]

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_op::adapter::bind_immediate_executor;
use async_op::cancel::{CancellationGroup, CancellationSignal, CancellationType};
use async_op::executor::{InlineOr, Strand, ThreadPool, WorkGuard};
use async_op::io::{ReadBuffer, WriteBuffer};
use async_op::net::{TcpListener, TcpStream, UdpSocket, UnixStream, connect_pipe};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Executor, IoContext, IoObject, bind_allocator, bind_cancellation_slot, bind_executor,
    cancel_after, is_cancelled,
};
use async_op_tests::net::{half_pair, listen, pair, post};
use async_op_tests::{Log, Manual, Polled, Recorder, Slot, without_hanging};

const TERMINAL: CancellationType = CancellationType::TERMINAL;

/// Called once or dropped once.
#[derive(Clone, Default)]
struct Ends(Arc<[AtomicUsize; 2]>);

struct End(Ends, bool);

impl Ends {
    fn one(&self) -> End {
        End(self.clone(), false)
    }

    /// How many were called, and how many dropped.
    fn counts(&self) -> (usize, usize) {
        let [a, b] = &*self.0;
        (a.load(Ordering::SeqCst), b.load(Ordering::SeqCst))
    }
}

impl End {
    fn called(mut self) {
        self.1 = true;
        self.0.0[0].fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.1 {
            self.0.0[1].fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What a buffer does when it is asked for its parts, and when it comes back.
struct Odd<P, C> {
    bytes: Vec<u8>,
    parts: P,
    completed: C,
}

impl<P: FnMut() + Send, C: FnOnce() + Send> ReadBuffer for Odd<P, C> {
    type Completion<R> = fn(R);
    type Output<R> = R;

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        (self.parts)();
        visit(&mut []);
        visit(&mut self.bytes);
        visit(&mut []);
    }

    fn completed<R>(self, result: R) -> R {
        (self.completed)();
        result
    }
}

impl<P: Fn() + Send, C: FnOnce() + Send> WriteBuffer for Odd<P, C> {
    type Completion<R> = fn(R);
    type Output<R> = R;

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        (self.parts)();
        visit(&[]);
        let half = self.bytes.len() / 2;
        visit(&self.bytes[..half]);
        visit(&[]);
        visit(&self.bytes[half..]);
    }

    fn completed<R>(self, result: R) -> R {
        (self.completed)();
        result
    }
}

#[test]
fn a_buffer_that_panics_the_nth_time_it_is_asked() {
    for nth in 0..6 {
        let context = IoContext::new().unwrap();
        let (a, mut b) = half_pair(&context);
        let ends = Ends::default();
        let log = Log::new();
        let memory = Recorder::new(&log);
        let end = ends.one();
        let mut asked = 0;
        let buffer = Odd {
            bytes: vec![0; 8],
            parts: move || {
                asked += 1;
                assert!(asked != nth + 1, "parts");
            },
            completed: || (),
        };
        let handler = bind_allocator(memory.clone(), move |_: io::Result<usize>| end.called());
        let started = catch_unwind(AssertUnwindSafe(|| a.async_read_some(buffer, handler)));
        b.write_all(b"hello").unwrap();
        let mut panics = usize::from(started.is_err());
        loop {
            match catch_unwind(AssertUnwindSafe(|| context.run())) {
                Ok(_) => break,
                Err(_) => panics += 1,
            }
        }
        let (called, dropped) = ends.counts();
        assert_eq!((called + dropped, dropped), (1, panics), "{nth}");
        memory.assert_balanced();
        // The stream is as good as before.
        let mut bytes = [0; 8];
        let left = a.try_read_some(&mut bytes);
        match called {
            1 => assert_eq!(left.unwrap_err().kind(), ErrorKind::WouldBlock),
            _ => assert_eq!(left.unwrap(), 5),
        }
        a.into_std().unwrap();
    }
}

#[test]
fn a_buffer_that_panics_when_it_comes_back() {
    // By an event, by a request to cancel of each kind, at once, by the end of the context.
    for how in 0..5 {
        let context = IoContext::new().unwrap();
        let (a, mut b) = half_pair(&context);
        let ends = Ends::default();
        let log = Log::new();
        let memory = Recorder::new(&log);
        let signal = CancellationSignal::new();
        let end = ends.one();
        let buffer = Odd {
            bytes: vec![0; if how == 3 { 0 } else { 8 }],
            parts: || (),
            completed: || panic!("completed"),
        };
        let handler = bind_cancellation_slot(
            signal.slot(),
            bind_allocator(memory.clone(), move |_: io::Result<usize>| end.called()),
        );
        let start = || a.async_read_some(buffer, handler);
        let started = catch_unwind(AssertUnwindSafe(start)).is_err();
        assert_eq!(started, how == 3);
        // Another one that waits behind it is served whatever the first does.
        let other = Ends::default();
        let end = other.one();
        a.async_read_some(vec![0; 8], move |result: io::Result<usize>, _: Vec<u8>| {
            drop(result);
            end.called();
        });
        let panicked = match how {
            0 => {
                b.write_all(b"x").unwrap();
                catch_unwind(AssertUnwindSafe(|| context.run_one())).is_err()
            }
            1 => catch_unwind(AssertUnwindSafe(|| a.cancel())).is_err(),
            2 => catch_unwind(AssertUnwindSafe(|| signal.emit(TERMINAL))).is_err(),
            3 => true,
            _ => {
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(context))).is_err();
                assert!(dropped);
                assert_eq!(ends.counts(), (0, 1));
                assert_eq!(other.counts().0 + other.counts().1, 1);
                memory.assert_balanced();
                continue;
            }
        };
        assert!(panicked, "{how}");
        assert_eq!(ends.counts(), (0, 1), "{how}");
        memory.assert_balanced();
        b.write_all(b"y").unwrap();
        context.run();
        assert_eq!(other.counts(), (1, 0), "{how}");
        a.into_std().unwrap();
    }
}

#[test]
fn a_buffer_that_calls_back_into_its_stream() {
    without_hanging(|| {
        for what in 0..4 {
            let context = IoContext::new().unwrap();
            let (a, mut b) = half_pair(&context);
            let ends = Ends::default();
            let act = move |stream: &TcpStream, ends: &Ends| match what {
                0 => stream.cancel(),
                1 => {
                    let end = ends.one();
                    stream.async_read_some(vec![0; 1], move |_: io::Result<usize>, _: Vec<u8>| {
                        end.called()
                    });
                }
                2 => {
                    let _ = stream.try_read_some(&mut [0; 1]);
                }
                _ => drop(stream.shutdown(std::net::Shutdown::Both)),
            };
            let (s, e) = (a.clone(), ends.clone());
            let (s2, e2) = (a.clone(), ends.clone());
            let mut asked = 0;
            let buffer = Odd {
                bytes: vec![0; 8],
                parts: move || {
                    asked += 1;
                    if asked < 6 {
                        act(&s, &e);
                    }
                },
                completed: move || act(&s2, &e2),
            };
            let end = ends.one();
            a.async_read_some(buffer, move |_: io::Result<usize>| end.called());
            b.write_all(&[1; 100]).unwrap();
            context.run();
            let (called, dropped) = ends.counts();
            assert!(called >= 1 && dropped == 0, "{what}: {called} {dropped}");
            a.into_std().unwrap();
        }
    });
}

#[test]
fn several_of_everything_on_one_stream() {
    without_hanging(|| {
        const N: usize = 12;
        // How they end: one by one by slots, in either order; all; the end; data for all.
        for how in 0..6 {
            let context = IoContext::new().unwrap();
            let (a, mut b) = half_pair(&context);
            let ends = Ends::default();
            let signals: Vec<_> = (0..N).map(|_| CancellationSignal::new()).collect();
            let ok = Arc::new(AtomicUsize::new(0));
            let cancelled = Arc::new(AtomicUsize::new(0));
            let mut awaited = Vec::new();
            for (n, signal) in signals.iter().enumerate() {
                if n % 4 == 3 {
                    let mut read = Polled::new(a.read_some(vec![0; 3]));
                    assert!(read.poll().is_pending());
                    awaited.push(read);
                }
                let (end, ok, cancelled) = (ends.one(), ok.clone(), cancelled.clone());
                a.async_read_some(
                    vec![0; 3],
                    bind_cancellation_slot(
                        signal.slot(),
                        move |result: io::Result<usize>, _: Vec<u8>| {
                            match result {
                                Ok(_) => ok.fetch_add(1, Ordering::SeqCst),
                                Err(error) => {
                                    assert!(is_cancelled(&error));
                                    cancelled.fetch_add(1, Ordering::SeqCst)
                                }
                            };
                            end.called();
                        },
                    ),
                );
            }
            let mut expected = (0, N);
            match how {
                0 => signals.iter().for_each(|signal| signal.emit(TERMINAL)),
                1 => signals.iter().rev().for_each(|signal| {
                    signal.emit(TERMINAL);
                    signal.emit(TERMINAL);
                }),
                2 => a.cancel(),
                3 => {
                    b.shutdown(std::net::Shutdown::Write).unwrap();
                    expected = (N, 0);
                }
                4 => {
                    // All but the first and the last are asked to stop.
                    signals[1..N - 1].iter().for_each(|s| s.emit(TERMINAL));
                    drop(std::mem::take(&mut awaited));
                    b.write_all(&[0; 6]).unwrap();
                    expected = (2, N - 2);
                }
                _ => {
                    drop(std::mem::take(&mut awaited));
                    for signal in signals.iter().step_by(2) {
                        signal.emit(TERMINAL);
                    }
                    b.write_all(&[0; 3 * N / 2]).unwrap();
                    expected = (N / 2, N / 2);
                }
            }
            while ends.counts().0 < N {
                context.poll();
                for read in &mut awaited {
                    assert!(how > 1 || read.wakes() == 0, "nobody has asked those");
                }
            }
            let counts = (ok.load(Ordering::SeqCst), cancelled.load(Ordering::SeqCst));
            assert_eq!(counts, expected, "{how}");
            for mut read in awaited {
                if how < 2 {
                    assert!(read.poll().is_pending());
                } else {
                    assert_eq!(read.ready().0.is_ok(), how == 3);
                }
            }
            context.restart();
            assert_eq!(context.run(), 0);
            a.into_std().unwrap();
        }
    });
}

#[test]
fn races_of_everything_on_one_stream() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let other = IoContext::new().unwrap();
        let pool = ThreadPool::new(1).unwrap();
        let work = (
            WorkGuard::new(context.executor()),
            WorkGuard::new(other.executor()),
        );
        let strand = Strand::new(context.executor());
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            scope.spawn(|| context.run());
            scope.spawn(|| other.run());
            for round in 0..1500 {
                let (a, mut b) = {
                    let (x, y) = std::os::unix::net::UnixStream::pair().unwrap();
                    (UnixStream::from_std(&context, x).unwrap(), y)
                };
                let ends = Ends::default();
                let signals: Vec<_> = (0..6).map(|_| CancellationSignal::new()).collect();
                let group = CancellationGroup::new();
                let mut many = 0;
                let read_bytes = Arc::new(AtomicUsize::new(0));
                let mut handler = || {
                    many += 1;
                    let (end, bytes) = (ends.one(), read_bytes.clone());
                    move |result: io::Result<usize>, _: Vec<u8>| {
                        if let Ok(n) = result {
                            bytes.fetch_add(n, Ordering::SeqCst);
                        }
                        end.called();
                    }
                };
                thread::scope(|scope| {
                    for (n, signal) in signals.iter().enumerate() {
                        let handler = bind_cancellation_slot(signal.slot(), handler());
                        let buffer = vec![0; 4];
                        match n {
                            0 => a.async_read_some(buffer, handler),
                            1 => a.async_read_some(buffer, bind_executor(strand.clone(), handler)),
                            2 => {
                                a.async_read_some(buffer, bind_executor(other.executor(), handler))
                            }
                            3 => a.async_read_some(buffer, bind_executor(pool.executor(), handler)),
                            4 => a.async_read_some(
                                buffer,
                                cancel_after(Duration::from_micros(round % 90), handler),
                            ),
                            _ => a.async_read_some(buffer, handler),
                        }
                    }
                    a.async_read_some(vec![0; 4], bind_cancellation_slot(group.slot(), handler()));
                    a.async_read_some(vec![0; 4], handler());
                    scope.spawn(|| {
                        for signal in &signals {
                            signal.emit(TERMINAL);
                        }
                    });
                    if round % 2 == 0 {
                        b.write_all(&[0; 10]).unwrap();
                        group.emit(TERMINAL);
                    } else {
                        group.emit(TERMINAL);
                        b.write_all(&[0; 10]).unwrap();
                    }
                    a.cancel();
                });
                while ends.counts().0 < many {
                    thread::yield_now();
                }
                assert_eq!(ends.counts(), (many, 0));
                // What has been read has been told; nothing is lost.
                let mut left = [0; 20];
                let left = a.try_read_some(&mut left).unwrap_or(0);
                assert_eq!(left + read_bytes.load(Ordering::SeqCst), 10);
            }
            drop(work);
        });
    });
}

/// One end of an echo, which goes on until the end.
fn echo(stream: TcpStream, ends: Ends, buffer: Vec<u8>) {
    let end = ends.one();
    stream
        .clone()
        .async_read_some(buffer, move |result: io::Result<usize>, buffer: Vec<u8>| {
            end.called();
            let Ok(n @ 1..) = result else { return };
            let end = ends.one();
            let data = buffer[..n].to_vec();
            async_op::io::async_write_all(
                &stream.clone(),
                data,
                move |result: io::Result<()>, _: Vec<u8>| {
                    end.called();
                    if result.is_ok() {
                        echo(stream, ends, buffer);
                    }
                },
            );
        });
}

fn accept(listener: TcpListener, ends: Ends, left: usize) {
    if left == 0 {
        return;
    }
    let end = ends.one();
    listener.clone().async_accept(
        move |result: io::Result<(TcpStream, std::net::SocketAddr)>| {
            end.called();
            let (stream, _) = result.unwrap();
            echo(stream, ends.clone(), vec![0; 64]);
            accept(listener, ends, left - 1);
        },
    );
}

#[test]
fn an_echo_server_of_many_connections() {
    without_hanging(|| {
        const N: usize = 500;
        for threads in [1, 2, 4] {
            let context = IoContext::new().unwrap();
            let listener = listen(&context);
            let address = listener.local_addr().unwrap();
            let ends = Ends::default();
            // Several accept at once, N in all.
            for _ in 0..5 {
                accept(listener.clone(), ends.clone(), N / 5);
            }
            drop(listener);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| context.run());
                }
                let mut clients: Vec<_> = (0..N)
                    .map(|_| std::net::TcpStream::connect(address).unwrap())
                    .collect();
                for round in 0..3_u8 {
                    for client in &mut clients {
                        client.write_all(&[round; 100]).unwrap();
                    }
                    for client in &mut clients {
                        let mut bytes = [0; 100];
                        client.read_exact(&mut bytes).unwrap();
                        assert_eq!(bytes, [round; 100]);
                    }
                }
                for (n, client) in clients.into_iter().enumerate() {
                    match n % 3 {
                        0 => drop(client),
                        1 => client.shutdown(std::net::Shutdown::Write).unwrap(),
                        _ => {
                            // A reset.
                            let socket = socket2::Socket::from(client);
                            socket.set_linger(Some(Duration::ZERO)).unwrap();
                        }
                    }
                }
            });
            assert_eq!(ends.counts().1, 0);
        }
    });
}

#[test]
fn urgent_data_half_closes_and_resets() {
    without_hanging(|| {
        for reset in [false, true] {
            let context = IoContext::new().unwrap();
            let (a, mut b) = half_pair(&context);
            let read = Arc::new(Mutex::new(Vec::new()));
            fn go_on(a: TcpStream, read: Arc<Mutex<Vec<u8>>>) {
                a.clone().async_read_some(
                    vec![0; 16],
                    move |result: io::Result<usize>, bytes: Vec<u8>| {
                        let Ok(n @ 1..) = result else { return };
                        read.lock().unwrap().extend(&bytes[..n]);
                        go_on(a, read);
                    },
                );
            }
            go_on(a.clone(), read.clone());
            for round in 0..50 {
                b.write_all(b"ab").unwrap();
                // SAFETY: one byte, which is borrowed.
                unsafe { libc::send(b.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
                b.write_all(b"cd").unwrap();
                while read.lock().unwrap().len() < 4 * (round + 1) {
                    context.run_one();
                }
            }
            let socket = socket2::Socket::from(b);
            if reset {
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            drop(socket);
            context.run();
            assert_eq!(*read.lock().unwrap(), b"abcd".repeat(50));
            a.into_std().unwrap();
        }
    });
}

/// An executor that drops what it is given.
#[derive(Clone, PartialEq)]
struct Drops;

impl Executor for Drops {
    fn post(&self, task: Task) {
        drop(task);
    }
}

/// One that panics.
#[derive(Clone, PartialEq)]
struct Panics;

impl Executor for Panics {
    fn post(&self, _: Task) {
        panic!("post");
    }
}

#[test]
fn executors_that_drop_and_that_panic() {
    for how in 0..3 {
        let context = IoContext::new().unwrap();
        let (a, mut b) = half_pair(&context);
        let ends = Ends::default();
        let slot = Slot::new();
        let log = Log::new();
        let memory = Recorder::new(&log);
        let (end, other) = (ends.one(), ends.one());
        a.async_read_some(
            vec![0; 4],
            bind_allocator(
                slot.clone(),
                bind_executor(Drops, move |_: io::Result<usize>, _: Vec<u8>| end.called()),
            ),
        );
        a.async_read_some(
            vec![0; 4],
            bind_allocator(
                memory.clone(),
                bind_executor(Panics, move |_: io::Result<usize>, _: Vec<u8>| {
                    other.called()
                }),
            ),
        );
        let mut panics = 0;
        match how {
            0 => {
                b.write_all(b"12345678").unwrap();
            }
            1 => panics += usize::from(catch_unwind(AssertUnwindSafe(|| a.cancel())).is_err()),
            _ => {
                b.shutdown(std::net::Shutdown::Write).unwrap();
            }
        }
        loop {
            match catch_unwind(AssertUnwindSafe(|| context.run())) {
                Ok(_) => break,
                Err(_) => panics += 1,
            }
        }
        assert_eq!((ends.counts(), panics), ((0, 2), 1), "{how}");
        assert!(!slot.in_use());
        memory.assert_balanced();
        a.into_std().unwrap();
    }
}

#[test]
fn inline_immediate_and_one_block() {
    let context = IoContext::new().unwrap();
    let (a, b) = pair(&context);
    let slot = Slot::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    fn step(n: usize, a: TcpStream, b: TcpStream, slot: Slot, log: Arc<Mutex<Vec<usize>>>) {
        if n == 50 {
            return;
        }
        let executor = a.executor();
        let (a2, b2, slot2, log2) = (a.clone(), b.clone(), slot.clone(), log.clone());
        let handler = move |result: io::Result<usize>, _: Vec<u8>| {
            assert_eq!(result.unwrap(), 1);
            log2.lock().unwrap().push(n);
            step(n + 1, b2, a2, slot2, log2);
        };
        let handler = bind_allocator(slot, bind_immediate_executor(InlineOr(executor), handler));
        if n.is_multiple_of(2) {
            a.async_write_some(vec![1], handler);
        } else {
            a.async_read_some(vec![0], handler);
        }
    }
    step(0, a, b, slot.clone(), log.clone());
    context.run();
    assert_eq!(*log.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert_eq!(slot.allocations(), 50);
    assert!(!slot.in_use());
}

#[test]
fn handlers_that_panic_and_that_drop_everything() {
    without_hanging(|| {
        let context = Arc::new(IoContext::new().unwrap());
        let (a, mut b) = half_pair(&context);
        let ends = Ends::default();
        for n in 0..9 {
            let end = ends.one();
            let stream = a.clone();
            a.async_read_some(vec![0; 1], move |result: io::Result<usize>, _: Vec<u8>| {
                result.unwrap();
                drop(stream);
                end.called();
                assert!(n % 3 != 1, "handler");
            });
        }
        drop(a);
        b.write_all(&[0; 9]).unwrap();
        let mut panics = 0;
        loop {
            match catch_unwind(AssertUnwindSafe(|| context.run())) {
                Ok(_) => break,
                Err(_) => panics += 1,
            }
        }
        assert_eq!((ends.counts(), panics), ((9, 0), 3));
        // The socket has gone with its last operation.
        assert_eq!(b.read(&mut [0; 1]).unwrap(), 0);
        // A handler that has the last handle of the context, on another.
        let other = IoContext::new().unwrap();
        for _ in 0..100 {
            let context = IoContext::new().unwrap();
            let (a, mut b) = half_pair(&context);
            let ends = Ends::default();
            let (end, second) = (ends.one(), ends.one());
            let timer = Timer::new(&context);
            timer.expires_after(Duration::from_secs(1000));
            let third = ends.one();
            timer.async_wait(bind_executor(
                other.executor(),
                move |result: io::Result<()>| {
                    assert!(!is_cancelled(&result.unwrap_err()));
                    third.called();
                },
            ));
            b.write_all(b"x").unwrap();
            a.async_read_some(
                vec![0; 1],
                bind_executor(other.executor(), move |_: io::Result<usize>, _: Vec<u8>| {
                    end.called();
                }),
            );
            a.async_read_some(
                vec![0; 1],
                bind_executor(other.executor(), move |_: io::Result<usize>, _: Vec<u8>| {
                    second.called();
                }),
            );
            while ends.counts() == (0, 0) && context.poll() == 0 {
                other.poll();
            }
            let executor = other.executor();
            post(&executor, move || drop(context));
            other.restart();
            other.run();
            other.restart();
            let (called, dropped) = ends.counts();
            assert_eq!(called + dropped, 3);
            drop((a, timer));
        }
    });
}

#[test]
fn the_context_goes_while_operations_wait_and_others_cancel() {
    without_hanging(|| {
        let other = IoContext::new().unwrap();
        let work = WorkGuard::new(other.executor());
        thread::scope(|scope| {
            scope.spawn(|| other.run());
            for round in 0..400 {
                let context = IoContext::new().unwrap();
                let (a, mut b) = half_pair(&context);
                let ends = Ends::default();
                let signals: Vec<_> = (0..4).map(|_| CancellationSignal::new()).collect();
                for signal in &signals {
                    let end = ends.one();
                    a.async_read_some(
                        vec![0; 1],
                        bind_cancellation_slot(
                            signal.slot(),
                            bind_executor(
                                other.executor(),
                                move |_: io::Result<usize>, _: Vec<u8>| end.called(),
                            ),
                        ),
                    );
                }
                if round % 3 == 0 {
                    b.write_all(&[0; 2]).unwrap();
                    context.poll();
                }
                thread::scope(|scope| {
                    scope.spawn(|| signals.iter().for_each(|signal| signal.emit(TERMINAL)));
                    if round % 2 == 0 {
                        scope.spawn(|| a.cancel());
                    }
                    drop(context);
                });
                while ends.counts().0 + ends.counts().1 < 4 {
                    thread::yield_now();
                }
                let (called, dropped) = ends.counts();
                assert_eq!(called + dropped, 4);
                if round % 3 != 0 {
                    assert_eq!(called, 4);
                }
            }
            drop(work);
        });
    });
}

#[test]
fn back_from_the_context_while_operations_are_outstanding() {
    let context = IoContext::new().unwrap();
    let (a, _b) = half_pair(&context);
    let ends = Ends::default();
    let signal = CancellationSignal::new();
    for _ in 0..2 {
        let end = ends.one();
        a.async_read_some(
            vec![0; 1],
            bind_cancellation_slot(signal.slot(), move |_: io::Result<usize>, _: Vec<u8>| {
                end.called()
            }),
        );
    }
    let a = a.into_std().unwrap_err();
    a.cancel();
    // They have their results, and no more of the socket.
    let a = a.into_std().unwrap();
    assert_eq!(context.run(), 2);
    assert_eq!(ends.counts(), (2, 0));
    drop(a);
}

#[test]
fn connecting_that_fails_and_is_cancelled() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let closed = listen(&context).local_addr().unwrap();
        let ends = Ends::default();
        for n in 0..60 {
            let end = ends.one();
            let signal = CancellationSignal::new();
            let handler = bind_cancellation_slot(signal.slot(), move |r: io::Result<TcpStream>| {
                let error = r.unwrap_err();
                let refused = error.kind() == ErrorKind::ConnectionRefused;
                assert!(refused || is_cancelled(&error), "{error}");
                end.called();
            });
            TcpStream::async_connect(&context, closed, handler);
            match n % 3 {
                0 => signal.emit(TERMINAL),
                1 => drop(signal),
                _ => {
                    context.poll();
                    signal.emit(TERMINAL);
                }
            }
            context.restart();
        }
        context.run();
        context.restart();
        assert_eq!(ends.counts(), (60, 0));
        let (sender, receiver) = std::sync::mpsc::channel();
        let to = sender.clone();
        UnixStream::async_connect(
            &context,
            "/nowhere/at/all",
            move |r: io::Result<UnixStream>| {
                to.send(r.unwrap_err().kind()).unwrap();
            },
        );
        let long = "x".repeat(500);
        UnixStream::async_connect(&context, &long, move |r: io::Result<UnixStream>| {
            sender.send(r.unwrap_err().kind()).unwrap();
        });
        assert_eq!(context.run(), 2);
        assert_eq!(receiver.recv().unwrap(), ErrorKind::NotFound);
        assert_eq!(receiver.recv().unwrap(), ErrorKind::InvalidInput);
        context.restart();
        // One whose queue is full keeps the others waiting; they are asked to stop.
        let listener =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let ends = Ends::default();
        let group = CancellationGroup::new();
        for _ in 0..8 {
            let end = ends.one();
            TcpStream::async_connect(
                &context,
                address,
                bind_cancellation_slot(group.slot(), move |_: io::Result<TcpStream>| end.called()),
            );
        }
        context.poll();
        group.emit(TERMINAL);
        group.emit(TERMINAL);
        context.run();
        assert_eq!(ends.counts(), (8, 0));
    });
}

#[test]
fn pipes_and_datagrams_in_chains() {
    without_hanging(|| {
        for threads in [1, 2, 4] {
            let context = IoContext::new().unwrap();
            let (reader, writer) = connect_pipe(&context).unwrap();
            let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
            let expected = data.clone();
            let done = Arc::new(AtomicUsize::new(0));
            let d = done.clone();
            async_op::io::async_write_all(&writer, data, move |r: io::Result<()>, _: Vec<u8>| {
                r.unwrap();
                d.fetch_add(1, Ordering::SeqCst);
            });
            let d = done.clone();
            async_op::io::async_read_exact(
                &reader,
                vec![0; 1_000_000],
                move |r: io::Result<()>, bytes: Vec<u8>| {
                    r.unwrap();
                    assert!(bytes == expected);
                    d.fetch_add(1, Ordering::SeqCst);
                },
            );
            let any: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
            let a = UdpSocket::bind(&context, any).unwrap();
            let b = UdpSocket::bind(&context, any).unwrap();
            a.connect(b.local_addr().unwrap()).unwrap();
            let got = Arc::new(Mutex::new(Vec::new()));
            for _ in 0..100 {
                let got = got.clone();
                b.async_receive(vec![0; 10], move |r: io::Result<usize>, bytes: Vec<u8>| {
                    got.lock().unwrap().push((r.unwrap(), bytes[0]));
                });
            }
            for n in 0..100 {
                let len = usize::from(n % 11 != 0);
                a.async_send(vec![n; len], move |r: io::Result<usize>, _: Vec<u8>| {
                    assert_eq!(r.unwrap(), len);
                });
            }
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| context.run());
                }
            });
            assert_eq!(done.load(Ordering::SeqCst), 2);
            let mut got = std::mem::take(&mut *got.lock().unwrap());
            got.sort();
            let mut expected: Vec<_> = (0..100_u8)
                .map(|n| if n % 11 == 0 { (0, 0) } else { (1, n) })
                .collect();
            expected.sort();
            assert_eq!(got, expected);
        }
    });
}

#[test]
fn writes_that_wait_behind_each_other() {
    without_hanging(|| {
        for unix in [false, true] {
            let context = IoContext::new().unwrap();
            let huge = 8 << 20;
            let ends = Ends::default();
            fn go<S: async_op::io::AsyncWriteStream + Clone + Send + Sync + 'static>(
                s: &S,
                n: usize,
                ends: &Ends,
            ) {
                for _ in 0..3 {
                    let end = ends.one();
                    async_op::io::async_write_all(
                        s,
                        vec![7; n],
                        move |r: io::Result<()>, _: Vec<u8>| {
                            r.unwrap();
                            end.called();
                        },
                    );
                }
            }
            let mut peer: Box<dyn Read + Send> = if unix {
                let (x, y) = std::os::unix::net::UnixStream::pair().unwrap();
                let x = UnixStream::from_std(&context, x).unwrap();
                go(&x, huge, &ends);
                Box::new(y)
            } else {
                let (x, y) = half_pair(&context);
                go(&x, huge, &ends);
                Box::new(y)
            };
            thread::scope(|scope| {
                scope.spawn(|| context.run());
                scope.spawn(|| context.run());
                let mut all = Vec::new();
                peer.read_to_end(&mut all).unwrap();
                assert_eq!(all.len(), 3 * huge);
            });
            assert_eq!(ends.counts(), (3, 0));
        }
    });
}

#[test]
fn on_an_executor_that_is_run_by_hand() {
    let context = IoContext::new().unwrap();
    let log = Log::new();
    let manual = Manual::new("m", &log);
    let (a, mut b) = half_pair(&context);
    let ends = Ends::default();
    for _ in 0..3 {
        let end = ends.one();
        a.async_read_some(
            vec![0; 1],
            bind_executor(manual.clone(), move |_: io::Result<usize>, _: Vec<u8>| {
                end.called()
            }),
        );
    }
    assert_eq!(manual.work(), 3);
    b.write_all(b"x").unwrap();
    while manual.queued() == 0 {
        context.poll();
    }
    // The first has its result: a later request does not take it back.
    a.cancel();
    context.run();
    assert_eq!((manual.queued(), ends.counts()), (3, (0, 0)));
    let a = a.into_std().unwrap();
    drop(manual.pop());
    manual.run();
    assert_eq!((ends.counts(), manual.work()), ((2, 1), 0));
    drop(a);
}
