//! The end of contexts, sockets and handlers, while operations begin and wait.
#![cfg(target_os = "linux")]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationGroup, CancellationSignal, CancellationType};
use async_op::executor::WorkGuard;
use async_op::net::{TcpStream, UdpSocket, UnixStream};
use async_op::time::Timer;
use async_op::{IoContext, bind_cancellation_slot, bind_executor};
use async_op_tests::net::half_pair;
use async_op_tests::without_hanging;

const TERMINAL: CancellationType = CancellationType::TERMINAL;

#[derive(Clone, Default)]
struct Ends(Arc<[AtomicUsize; 3]>);

/// Calls a function when it is dropped, called or not.
struct End<F: FnMut()>(Ends, F);

impl Ends {
    fn one<F: FnMut()>(&self, then: F) -> End<F> {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        End(self.clone(), then)
    }

    /// How many there have been, were called, and are gone.
    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|n: usize| self.0[n].load(Ordering::SeqCst))
    }
}

impl<F: FnMut()> End<F> {
    fn called(self) {
        self.0.0[1].fetch_add(1, Ordering::SeqCst);
    }
}

impl<F: FnMut()> Drop for End<F> {
    fn drop(&mut self) {
        (self.1)();
        self.0.0[2].fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn operations_begin_on_other_threads_while_the_context_goes() {
    without_hanging(|| {
        let other = IoContext::new().unwrap();
        let work = WorkGuard::new(other.executor());
        thread::scope(|scope| {
            scope.spawn(|| other.run());
            for round in 0..300 {
                let context = IoContext::new().unwrap();
                let (a, _b) = half_pair(&context);
                let (u, _v) = UnixStream::pair(&context).unwrap();
                let udp = UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
                let timer = Timer::new(&context);
                timer.expires_after(Duration::from_micros(if round % 2 == 0 {
                    1
                } else {
                    1 << 40
                }));
                let address = udp.local_addr().unwrap();
                let (ends, own) = (Ends::default(), Ends::default());
                let executor = context.executor();
                let group = CancellationGroup::new();
                thread::scope(|scope| {
                    for n in 0..2 {
                        let (a, u, udp, timer) = (a.clone(), u.clone(), udp.clone(), timer.clone());
                        let (ends, own, other, group) = (&ends, &own, &other, &group);
                        scope.spawn(move || {
                            for k in 0..20 {
                                let end = ends.one(|| ());
                                let read = move |_: io::Result<usize>, _: Vec<u8>| end.called();
                                let read = bind_executor(other.executor(), read);
                                match (n + k) % 5 {
                                    0 => a.async_read_some(vec![0; 1], read),
                                    1 => u.async_read_some(
                                        vec![0; 1],
                                        bind_cancellation_slot(group.slot(), read),
                                    ),
                                    2 => udp.async_receive(vec![0; 1], read),
                                    3 => u.async_write_some(vec![0; 1], read),
                                    _ => drop(read),
                                }
                                let end = ends.one(|| ());
                                timer.async_wait(bind_executor(
                                    other.executor(),
                                    move |_: io::Result<()>| end.called(),
                                ));
                                // And one each that is of the context itself.
                                let end = own.one(|| ());
                                timer.async_wait(bind_cancellation_slot(
                                    group.slot(),
                                    move |_: io::Result<()>| end.called(),
                                ));
                                let end = own.one(|| ());
                                TcpStream::async_connect(
                                    &executor,
                                    address,
                                    move |_: io::Result<TcpStream>| end.called(),
                                );
                                if k == 15 {
                                    group.emit(TERMINAL);
                                }
                            }
                        });
                    }
                    context.poll();
                    drop(context);
                });
                for ends in [&ends, &own] {
                    while ends.counts()[0] != ends.counts()[2] {
                        thread::yield_now();
                    }
                }
                a.into_std().unwrap();
                u.into_std().unwrap();
                udp.into_std().unwrap();
            }
            drop(work);
        });
    });
}

#[test]
fn handlers_that_come_back_when_they_are_dropped() {
    without_hanging(|| {
        for how in 0..3 {
            let context = IoContext::new().unwrap();
            let (a, mut b) = half_pair(&context);
            let timer = Timer::new(&context);
            timer.expires_after(Duration::from_secs(1000));
            let ends = Ends::default();
            let begin = |depth: usize| {
                fn begin(a: &TcpStream, timer: &Timer, ends: &Ends, depth: usize) {
                    if depth == 0 {
                        return;
                    }
                    let (a2, timer2, ends2) = (a.clone(), timer.clone(), ends.clone());
                    let end = ends.one(move || begin(&a2, &timer2, &ends2, depth - 1));
                    a.async_read_some(vec![0; 1], move |_: io::Result<usize>, _: Vec<u8>| {
                        end.called();
                    });
                    let (a2, timer2, ends2) = (a.clone(), timer.clone(), ends.clone());
                    let end = ends.one(move || {
                        a2.cancel();
                        timer2.cancel();
                        begin(&a2, &timer2, &ends2, depth - 1);
                    });
                    timer.async_wait(move |_: io::Result<()>| end.called());
                }
                begin(&a, &timer, &ends, depth);
            };
            begin(4);
            match how {
                0 => drop(context),
                1 => {
                    b.write_all(&[0; 4]).unwrap();
                    context.poll();
                    context.poll();
                    drop(context);
                }
                _ => {
                    a.cancel();
                    timer.cancel();
                    drop(context);
                }
            }
            let [made, called, gone] = ends.counts();
            assert_eq!(made, gone, "{how}: {called}");
            drop(timer);
            a.into_std().unwrap();
        }
    });
}

#[test]
fn one_slot_for_one_operation_after_another() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let work = WorkGuard::new(context.executor());
        let (a, mut b) = half_pair(&context);
        let ends = Ends::default();
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            scope.spawn(|| context.run());
            let signal = Arc::new(CancellationSignal::new());
            let timer = Timer::new(&context);
            timer.expires_after(Duration::from_secs(1000));
            fn go(
                left: usize,
                a: TcpStream,
                timer: Timer,
                signal: Arc<CancellationSignal>,
                ends: Ends,
            ) {
                if left == 0 {
                    return;
                }
                let slot = signal.slot();
                let end = ends.one(|| ());
                if left.is_multiple_of(2) {
                    a.clone().async_read_some(
                        vec![0; 1],
                        bind_cancellation_slot(slot, move |_: io::Result<usize>, _: Vec<u8>| {
                            end.called();
                            go(left - 1, a, timer, signal, ends);
                        }),
                    );
                } else {
                    timer.clone().async_wait(bind_cancellation_slot(
                        slot,
                        move |_: io::Result<()>| {
                            end.called();
                            go(left - 1, a, timer, signal, ends);
                        },
                    ));
                }
            }
            go(5000, a.clone(), timer, signal.clone(), ends.clone());
            // Which one it finds, nobody knows.
            while ends.counts()[2] < 5000 {
                signal.emit(TERMINAL);
                let _ = b.write_all(&[0; 1]);
            }
            drop(work);
        });
        assert_eq!(ends.counts(), [5000; 3]);
        a.into_std().unwrap();
    });
}

/// A leaf is known by its address, which the next one has, too: of the same slot, and of
/// another at the same stream.
#[test]
fn one_that_has_the_memory_of_another_is_not_cancelled() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let work = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            let (a, mut b) = half_pair(&context);
            let memory = async_op_tests::Slot::new();
            for _ in 0..3000 {
                let signal = CancellationSignal::new();
                let (sender, receiver) = std::sync::mpsc::channel();
                let (second, stream, block) = (sender.clone(), a.clone(), memory.clone());
                let first = move |_: io::Result<usize>, _: Vec<u8>| {
                    // Where the first was. Nobody asks this one to stop.
                    let handler = move |result: io::Result<usize>, _: Vec<u8>| {
                        second.send(result.map_err(|error| error.kind())).unwrap();
                    };
                    stream.async_read_some(vec![0; 1], async_op::bind_allocator(block, handler));
                    sender.send(Ok(0)).unwrap();
                };
                a.async_read_some(
                    vec![0; 1],
                    bind_cancellation_slot(
                        signal.slot(),
                        async_op::bind_allocator(memory.clone(), first),
                    ),
                );
                thread::scope(|scope| {
                    scope.spawn(|| signal.emit(TERMINAL));
                    b.write_all(&[0; 1]).unwrap();
                });
                assert_eq!(receiver.recv().unwrap(), Ok(0));
                b.write_all(&[0; 1]).unwrap();
                assert_eq!(receiver.recv().unwrap(), Ok(1));
                // What the first has not read.
                while memory.in_use() {
                    thread::yield_now();
                }
                let _ = a.try_read_some(&mut [0; 4]);
            }
            drop(work);
        });
    });
}
