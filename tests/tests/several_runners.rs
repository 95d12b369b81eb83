//! A context that several threads run: `run` returns neither early nor never,
//! and nothing is lost or run twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use async_op::executor::WorkGuard;
use async_op::net::{TcpListener, TcpStream};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, IoContext, IoExecutor};
use async_op_tests::{AsyncForm, Form, HandlerForm, Log, Probe, both_forms, without_hanging};

/// Runs `context` on `runners` threads; returns how many tasks they ran.
fn run_on(context: &IoContext, runners: usize) -> usize {
    let start = Barrier::new(runners);
    thread::scope(|scope| {
        let runners: Vec<_> = (0..runners)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    context.run()
                })
            })
            .collect();
        runners
            .into_iter()
            .map(|runner| runner.join().unwrap())
            .sum()
    })
}

/// A binary tree of posts; the leaves count.
fn tree(executor: IoExecutor, depth: u32, leaves: &Arc<AtomicUsize>) {
    let leaves = Arc::clone(leaves);
    executor.post(Task::new(move || match depth.checked_sub(1) {
        Some(depth) => {
            tree(executor, depth, &leaves);
            tree(executor, depth, &leaves);
        }
        None => {
            leaves.fetch_add(1, Ordering::Relaxed);
        }
    }));
}

#[test]
fn every_task_runs_once_in_every_round() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..300 {
            let leaves = Arc::new(AtomicUsize::new(0));
            tree(context.executor(), 6, &leaves);
            assert_eq!(run_on(&context, 1 + round % 4), 127);
            assert_eq!(leaves.load(Ordering::Relaxed), 64);
            assert!(context.stopped());
            context.restart();
        }
    });
}

/// Between two links the only work is the operation's own.
#[test]
fn a_chain_that_hops_between_threads_is_not_cut_short() {
    fn link(executor: IoExecutor, left: u32, ended: mpsc::Sender<()>) {
        let form = HandlerForm::default();
        let next = form.clone();
        form.operation(&executor)
            .callback(move |_| match left.checked_sub(1) {
                Some(left) => link(executor, left, ended),
                None => ended.send(()).unwrap(),
            });
        thread::spawn(move || next.finish(1));
    }

    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for _ in 0..10 {
            let (sender, receiver) = mpsc::channel();
            link(context.executor(), 50, sender);
            assert_eq!(run_on(&context, 2), 51);
            receiver.try_recv().unwrap();
            context.restart();
        }
    });
}

both_forms! {
    fn outstanding_operations_keep_every_runner<F: Form>() {
        without_hanging(|| {
            let context = IoContext::new().unwrap();
            for round in 0..100 {
                let (log, forms) = (Log::new(), [F::default(), F::default(), F::default()]);
                for form in &forms {
                    form.start(&context, Probe::new(&log));
                }
                thread::scope(|scope| {
                    for form in &forms {
                        scope.spawn(|| form.finish(1));
                    }
                    assert_eq!(run_on(&context, 1 + round % 3), 3);
                });
                assert_eq!(log.take(), "call call call");
                context.restart();
            }
        });
    }
}

/// A guard taken on one thread and given back on another, while the counts of
/// both have not been added up.
#[test]
fn guards_that_change_threads() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..300 {
            let executor = context.executor();
            let (sender, receiver) = mpsc::channel();
            let ran = Arc::new(AtomicUsize::new(0));
            let last = Arc::clone(&ran);
            executor.post(Task::new(move || {
                for _ in 0..4 {
                    sender.send(WorkGuard::new(executor)).unwrap();
                }
            }));
            thread::scope(|scope| {
                scope.spawn(move || {
                    for guard in receiver {
                        let ran = Arc::clone(&last);
                        executor.post(Task::new(move || {
                            let _guard = guard;
                            ran.fetch_add(1, Ordering::Relaxed);
                        }));
                    }
                });
                assert_eq!(run_on(&context, 1 + round % 3), 5);
            });
            assert_eq!(ran.load(Ordering::Relaxed), 4);
            context.restart();
        }
    });
}

#[test]
fn a_handler_may_wait_for_what_it_posted_to_another_runner() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let _guard = WorkGuard::new(context.executor());
        let executor = context.executor();
        thread::scope(|scope| {
            // The first is held in a handler until the second is inside too.
            let inside = Arc::new(Barrier::new(2));
            let (entered, entering) = mpsc::channel();
            let first = Arc::clone(&inside);
            executor.post(Task::new(move || {
                entered.send(()).unwrap();
                first.wait();
            }));
            scope.spawn(|| context.run());
            entering.recv().unwrap();
            executor.post(Task::new(move || {
                inside.wait();
            }));
            scope.spawn(|| context.run());
            for _ in 0..100 {
                let (done, waiting) = mpsc::channel();
                executor.post(Task::new(move || {
                    let (sender, receiver) = mpsc::channel();
                    executor.post(Task::new(move || sender.send(()).unwrap()));
                    receiver.recv().unwrap();
                    done.send(()).unwrap();
                }));
                waiting.recv().unwrap();
            }
            context.stop();
        });
    });
}

#[test]
fn handlers_of_one_frame_do_not_overlap() {
    use async_op::{Handler, async_op};

    #[async_op]
    async fn async_many(context: &IoExecutor, inside: Arc<AtomicUsize>) -> u32 {
        for _ in 0..100 {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            let form = HandlerForm::default();
            let wait = form.operation(context);
            let mut wait = std::pin::pin!(wait);
            std::future::poll_fn(|cx| {
                let polled = wait.as_mut().poll(cx);
                inside.store(0, Ordering::SeqCst);
                if let Some(op) = form.hold.take() {
                    thread::spawn(move || op.complete(1));
                }
                polled.map(|_| ())
            })
            .await;
            inside.store(0, Ordering::SeqCst);
        }
        0
    }

    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        async_many(&context, Arc::default(), Handler(Probe::new(&log)));
        assert!(run_on(&context, 3) >= 100);
        assert_eq!(log.take(), "call");
    });
}

#[test]
fn many_wakes_of_one_frame_from_many_threads() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for _ in 0..50 {
            let (log, form) = (Log::new(), AsyncForm::default());
            form.start(&context, Probe::new(&log));
            let waker = form.gate.take_waker().unwrap();
            thread::scope(|scope| {
                for _ in 0..3 {
                    let waker = waker.clone();
                    let gate = form.gate.clone();
                    scope.spawn(move || {
                        waker.wake_by_ref();
                        gate.open(1);
                        waker.wake();
                    });
                }
                drop(waker);
                run_on(&context, 2);
            });
            assert_eq!(log.take(), "call");
            context.restart();
        }
    });
}

#[test]
fn timers_with_several_runners() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for round in 0..30 {
            let fired = Arc::new(AtomicUsize::new(0));
            for n in 0..50 {
                let timer = Timer::new(&context);
                timer.expires_after(Duration::from_micros(n * 37 % 1000));
                let fired = Arc::clone(&fired);
                timer.wait().callback(move |result| {
                    result.unwrap();
                    fired.fetch_add(1, Ordering::Relaxed);
                });
            }
            assert_eq!(run_on(&context, 1 + round % 3), 50);
            assert_eq!(fired.load(Ordering::Relaxed), 50);
            context.restart();
        }
    });
}

#[test]
fn runners_that_come_and_go() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let guard = WorkGuard::new(context.executor());
        let ran = AtomicUsize::new(0);
        let total = 3000;
        thread::scope(|scope| {
            for n in 0..3 {
                let (context, ran) = (&context, &ran);
                scope.spawn(move || {
                    while ran.load(Ordering::SeqCst) < total {
                        let count = match n {
                            0 => context.run_one_for(Duration::from_millis(1)),
                            1 => context.poll(),
                            _ => context.run_for(Duration::from_micros(200)),
                        };
                        ran.fetch_add(count, Ordering::SeqCst);
                        thread::yield_now();
                    }
                });
            }
            for _ in 0..total {
                context.post(Task::new(|| ()));
            }
        });
        assert_eq!(ran.load(Ordering::SeqCst), total);
        assert_eq!(context.poll(), 0);
        drop(guard);
        assert_eq!(context.run(), 0);
    });
}

#[test]
fn connections_with_several_runners() {
    fn echo(stream: TcpStream) {
        let next = stream.clone();
        stream
            .read_some(vec![0; 64])
            .callback(move |result, mut buffer: Vec<u8>| {
                let n = result.unwrap();
                if n > 0 {
                    buffer.truncate(n);
                    let again = next.clone();
                    next.write_some(buffer).callback(move |result, _| {
                        result.unwrap();
                        echo(again);
                    });
                }
            });
    }

    fn talk(stream: TcpStream, left: u32, ended: Arc<AtomicUsize>) {
        let Some(left) = left.checked_sub(1) else {
            ended.fetch_add(1, Ordering::SeqCst);
            return;
        };
        let next = stream.clone();
        stream.write_some(*b"ping").callback(move |result, _| {
            assert_eq!(result.unwrap(), 4);
            let again = next.clone();
            next.read_some([0; 64]).callback(move |result, buffer| {
                assert_eq!(&buffer[..result.unwrap()], b"ping");
                talk(again, left, ended);
            });
        });
    }

    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        for round in 0..6 {
            let ended = Arc::new(AtomicUsize::new(0));
            for _ in 0..8 {
                listener.accept().callback(|result| echo(result.unwrap().0));
                let ended = Arc::clone(&ended);
                TcpStream::connect(&context, address)
                    .callback(move |result| talk(result.unwrap(), 20, ended));
            }
            run_on(&context, 1 + round % 3);
            assert_eq!(ended.load(Ordering::SeqCst), 8);
            context.restart();
        }
    });
}
