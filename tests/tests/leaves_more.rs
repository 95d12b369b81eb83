//! What operations with handlers do inside of handlers that wait, and under limits on time.
#![cfg(target_os = "linux")]

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use async_op::adapter::{bind_immediate_executor, cancel_at};
use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::{PostOnly, Strand, WorkGuard};
use async_op::io::{Transfer, async_read_exact, transfer_at_least};
use async_op::net::{TcpStream, UdpSocket, UnixListener, UnixStream};
use async_op::time::Timer;
use async_op::{IoContext, bind_cancellation_slot, bind_executor, cancel_after, is_timeout};
use async_op_tests::net::{half_pair, pair};
use async_op_tests::without_hanging;

const TERMINAL: CancellationType = CancellationType::TERMINAL;

#[test]
fn handlers_that_block_on_another_context() {
    without_hanging(|| {
        for threads in [1, 2] {
            let context = IoContext::new().unwrap();
            let other = Arc::new(IoContext::new().unwrap());
            let (a, mut b) = half_pair(&context);
            let (x, y) = pair(&other);
            let done = Arc::new(AtomicUsize::new(0));
            let strand = Strand::new(context.executor());
            for n in 0..8_u64 {
                let (x, y, done, other) = (x.clone(), y.clone(), done.clone(), other.clone());
                let handler = move |result: io::Result<usize>, _: Vec<u8>| {
                    assert_eq!(result.unwrap(), 1);
                    let timer = Timer::new(&other);
                    timer.expires_after(Duration::from_micros(50 * n));
                    timer.wait().blocking().unwrap();
                    x.write_some(vec![1]).blocking().0.unwrap();
                    y.read_some(vec![0]).blocking().0.unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                };
                if n % 3 == 0 {
                    a.async_read_some(vec![0; 1], bind_executor(strand.clone(), handler));
                } else {
                    a.async_read_some(vec![0; 1], handler);
                }
            }
            b.write_all(&[0; 8]).unwrap();
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| context.run());
                }
            });
            assert_eq!(done.load(Ordering::SeqCst), 8);
        }
    });
}

#[test]
fn nested_runs_with_operations_outstanding() {
    without_hanging(|| {
        let context = Arc::new(IoContext::new().unwrap());
        let (a, mut b) = half_pair(&context);
        let log = Arc::new(Mutex::new(Vec::new()));
        let (l, weak) = (log.clone(), Arc::downgrade(&context));
        a.async_read_some(vec![0; 1], move |_: io::Result<usize>, _: Vec<u8>| {
            l.lock().unwrap().push("first");
            // Until nothing but this handler is left.
            let ran = weak.upgrade().unwrap().run();
            assert_eq!(ran, 2);
            l.lock().unwrap().push("after");
        });
        let l = log.clone();
        a.async_read_some(vec![0; 1], move |_: io::Result<usize>, _: Vec<u8>| {
            l.lock().unwrap().push("second");
        });
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_millis(3));
        let l = log.clone();
        timer
            .wait()
            .callback(move |_| l.lock().unwrap().push("timer"));
        b.write_all(&[0; 2]).unwrap();
        context.run();
        assert_eq!(*log.lock().unwrap(), ["first", "second", "timer", "after"]);
    });
}

#[test]
fn limits_on_time_of_everything() {
    without_hanging(|| {
        for threads in [1, 2, 4] {
            let context = IoContext::new().unwrap();
            let (a, mut b) = half_pair(&context);
            let udp = UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
            let timer = Timer::new(&context);
            timer.expires_after(Duration::from_secs(1000));
            let over = Arc::new(AtomicUsize::new(0));
            let mut started = 0;
            for n in 0..300_u64 {
                let limit = Duration::from_micros(n * 37 % 5000);
                let count = || {
                    let over = over.clone();
                    move |error: &io::Error| {
                        assert!(is_timeout(error), "{error}");
                        over.fetch_add(1, Ordering::SeqCst);
                    }
                };
                let (x, y, z) = (count(), count(), count());
                started += 3;
                a.async_read_some(
                    vec![0; 3],
                    cancel_after(limit, move |r: io::Result<usize>, _: Vec<u8>| {
                        x(&r.unwrap_err());
                    }),
                );
                udp.async_receive(
                    vec![0; 3],
                    cancel_after(limit, move |r: io::Result<usize>, _: Vec<u8>| {
                        y(&r.unwrap_err());
                    }),
                );
                let at = Instant::now() + limit;
                timer.async_wait(cancel_at(at, move |r: io::Result<()>| z(&r.unwrap_err())));
            }
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| context.run());
                }
            });
            assert_eq!(over.load(Ordering::SeqCst), started);
            // Nothing was read.
            b.write_all(b"abc").unwrap();
            let mut bytes = [0; 4];
            while a.try_read_some(&mut bytes).is_err() {}
            assert_eq!(&bytes, b"abc\0");
            a.into_std().unwrap();
        }
    });
}

#[test]
fn a_read_of_much_that_is_cancelled_loses_nothing() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let work = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            scope.spawn(|| context.run());
            let (a, mut b) = half_pair(&context);
            let total = 400_000;
            let writer = scope.spawn(move || {
                let data: Vec<u8> = (0..total).map(|n| (n % 251) as u8).collect();
                for part in data.chunks(997) {
                    b.write_all(part).unwrap();
                }
                b
            });
            let mut got = Vec::new();
            let mut round = 0;
            while got.len() < total {
                let signal = CancellationSignal::new();
                let (sender, receiver) = std::sync::mpsc::channel();
                let want = 5000.min(total - got.len());
                async_op::io::async_read(
                    &a,
                    vec![0; want],
                    transfer_at_least(want),
                    bind_cancellation_slot(signal.slot(), move |t: Transfer, bytes: Vec<u8>| {
                        let part = bytes[..t.bytes].to_vec();
                        sender.send((t.result.is_ok(), part)).unwrap();
                    }),
                );
                if round % 3 != 0 {
                    signal.emit(TERMINAL);
                }
                round += 1;
                let (is_ok, bytes) = receiver.recv().unwrap();
                assert!(!is_ok || bytes.len() == want);
                got.extend(bytes);
            }
            assert!(
                got.iter()
                    .enumerate()
                    .all(|(n, byte)| *byte == (n % 251) as u8)
            );
            drop(writer.join().unwrap());
            drop(work);
        });
    });
}

#[test]
fn a_chain_around_a_ring_of_sockets() {
    without_hanging(|| {
        const N: usize = 64;
        for threads in [1, 2, 4] {
            let context = IoContext::new().unwrap();
            let ends: Vec<_> = (0..N)
                .map(|_| UnixStream::pair(&context).unwrap())
                .collect();
            let passed = Arc::new(AtomicUsize::new(0));
            // What comes out of one goes into the next; several tokens are under way.
            fn pass(from: UnixStream, to: UnixStream, passed: Arc<AtomicUsize>) {
                from.clone().async_read_some(
                    vec![0; 16],
                    move |r: io::Result<usize>, bytes: Vec<u8>| {
                        let Ok(n @ 1..) = r else { return };
                        if passed.fetch_add(n, Ordering::SeqCst) > 5000 {
                            from.shutdown(std::net::Shutdown::Both).unwrap();
                            to.shutdown(std::net::Shutdown::Both).unwrap();
                            return;
                        }
                        let next = to.clone();
                        async_op::io::async_write_all(
                            &next,
                            bytes[..n].to_vec(),
                            move |r: io::Result<()>, _: Vec<u8>| {
                                if r.is_ok() {
                                    pass(from, to, passed);
                                }
                            },
                        );
                    },
                );
            }
            for n in 0..N {
                let from = ends[n].1.clone();
                let to = ends[(n + 1) % N].0.clone();
                pass(from, to, passed.clone());
            }
            for n in [0, 7, 9, 30] {
                ends[n].0.try_write_some(&[1, 2]).unwrap();
            }
            let strong = passed.clone();
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        while strong.load(Ordering::SeqCst) <= 5000 {
                            context.run_for(Duration::from_millis(5));
                        }
                    });
                }
            });
            // The rest of them go with the end.
            for (a, b) in &ends {
                let _ = a.shutdown(std::net::Shutdown::Both);
                let _ = b.shutdown(std::net::Shutdown::Both);
            }
            context.run();
            drop(strong);
            assert_eq!(Arc::strong_count(&passed), 1);
        }
    });
}

#[test]
fn several_accepts_some_cancelled_some_awaited() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let path = std::env::temp_dir().join(format!("async-op-leaves-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&context, &path).unwrap();
        for round in 0..20 {
            let signals: Vec<_> = (0..10).map(|_| CancellationSignal::new()).collect();
            let accepted = Arc::new(AtomicUsize::new(0));
            let ended = Arc::new(AtomicUsize::new(0));
            for signal in &signals {
                let (accepted, ended) = (accepted.clone(), ended.clone());
                listener.async_accept(bind_cancellation_slot(
                    signal.slot(),
                    move |r: io::Result<(UnixStream, std::os::unix::net::SocketAddr)>| {
                        accepted.fetch_add(usize::from(r.is_ok()), Ordering::SeqCst);
                        ended.fetch_add(1, Ordering::SeqCst);
                    },
                ));
            }
            for signal in signals.iter().skip(round % 3).step_by(2) {
                signal.emit(TERMINAL);
            }
            let cancelled = signals.iter().skip(round % 3).step_by(2).count();
            let clients: Vec<_> = (cancelled..10)
                .map(|_| std::os::unix::net::UnixStream::connect(&path).unwrap())
                .collect();
            context.restart();
            assert_eq!(context.run(), 10);
            let counts = (
                accepted.load(Ordering::SeqCst),
                ended.load(Ordering::SeqCst),
            );
            assert_eq!(counts, (10 - cancelled, 10));
            drop(clients);
        }
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn immediate_executors_of_other_contexts() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let other = IoContext::new().unwrap();
        let (a, b) = pair(&context);
        let called = Arc::new(AtomicUsize::new(0));
        let count = || {
            let called = called.clone();
            move |r: io::Result<usize>, _: Vec<u8>| {
                r.unwrap();
                called.fetch_add(1, Ordering::SeqCst);
            }
        };
        a.async_write_some(
            vec![1; 4],
            bind_immediate_executor(other.executor(), count()),
        );
        a.async_write_some(
            vec![1; 4],
            bind_immediate_executor(
                PostOnly(other.executor()),
                bind_executor(Strand::new(other.executor()), count()),
            ),
        );
        assert_eq!(called.load(Ordering::SeqCst), 0);
        // Nothing is left to do on the context of the stream.
        assert_eq!(context.run(), 0);
        assert_eq!(other.run(), 2);
        assert_eq!(called.load(Ordering::SeqCst), 2);
        // Before it is run by anybody, the immediate executor goes away.
        let gone = IoContext::new().unwrap();
        a.async_write_some(
            vec![1; 4],
            bind_immediate_executor(gone.executor(), count()),
        );
        drop(gone);
        context.restart();
        assert_eq!(context.run(), 0);
        assert_eq!(Arc::strong_count(&called), 1);
        drop((a, b));
    });
}

#[test]
fn a_peer_that_sends_nothing_and_one_that_resets_while_much_waits() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let ended = Arc::new(AtomicUsize::new(0));
        let mut peers = Vec::new();
        let streams: Vec<TcpStream> = (0..100)
            .map(|n| {
                let (a, b) = half_pair(&context);
                for _ in 0..2 {
                    let (e, f) = (ended.clone(), ended.clone());
                    async_read_exact(&a, vec![0; 100], move |r: io::Result<()>, _: Vec<u8>| {
                        r.unwrap_err();
                        e.fetch_add(1, Ordering::SeqCst);
                    });
                    async_op::io::async_write_all(
                        &a,
                        vec![0; 8 << 20],
                        move |r: io::Result<()>, _: Vec<u8>| {
                            r.unwrap_err();
                            f.fetch_add(1, Ordering::SeqCst);
                        },
                    );
                }
                if n % 2 == 0 {
                    peers.push(b)
                } else {
                    let socket = socket2::Socket::from(b);
                    socket.set_linger(Some(Duration::ZERO)).unwrap();
                }
                a
            })
            .collect();
        while ended.load(Ordering::SeqCst) < 200 {
            context.run_one();
        }
        for peer in &mut peers {
            let _ = peer.read(&mut [0; 1000]).unwrap();
        }
        drop(peers);
        context.run();
        assert_eq!(ended.load(Ordering::SeqCst), 400);
        for stream in streams {
            stream.into_std().unwrap();
        }
    });
}
