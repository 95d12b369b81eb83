//! Timers: most are cancelled, some fire.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::sync::Channel;
use async_op::time::{Timer, async_sleep, sleep, sleep_until};
use async_op::{Detached, IoContext, IoExecutor, bind_cancellation_slot, spawn};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::Workload;
use crate::measure::{Run, late};
use crate::posts::{current_thread, multi_thread};

/// Timers that fire so long one after the other.
macro_rules! fired {
    ($name:literal, $round:literal, $rounds:expr, $gap:expr) => {
        Workload {
            name: $name,
            round: $round,
            rounds: $rounds,
            contenders: &[
                ("async-op", |run| fired_ours(run, $gap)),
                ("async-op futures", |run| fired_futures(run, $gap)),
                ("tokio", |run| fired_tokio(run, current_thread(), $gap)),
                ("tokio 2 threads", |run| {
                    fired_tokio(run, multi_thread(), $gap);
                }),
                ("smol", |run| fired_smol(run, $gap)),
            ],
        }
    };
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "timers-churn",
        round: "the same timer, scheduled and cancelled again",
        rounds: [10_000, 500_000],
        contenders: &[
            ("async-op", churn_ours),
            ("async-op futures", |run| {
                let context = IoContext::for_one_thread().unwrap();
                let timer = Timer::new(&context);
                churn_futures(run, |_| {
                    timer.expires_after(HOUR);
                    timer.wait()
                });
            }),
            ("ordered map", churn_map),
            ("tokio", |run| {
                current_thread().block_on(async {
                    let mut sleep = pin!(tokio::time::sleep(HOUR));
                    churn_polls(run, |cx| {
                        sleep.as_mut().reset(tokio::time::Instant::now() + HOUR);
                        sleep.as_mut().poll(cx).is_pending()
                    });
                });
            }),
            ("smol", |run| {
                let mut timer = smol::Timer::after(HOUR);
                churn_polls(run, |cx| {
                    timer.set_after(HOUR);
                    Pin::new(&mut timer).poll(cx).is_pending()
                });
            }),
        ],
    },
    Workload {
        name: "timers-new",
        round: "new timer, scheduled, cancelled and dropped",
        rounds: [10_000, 500_000],
        contenders: &[
            ("async-op", new_ours),
            ("async-op sleep", sleeps_ours),
            ("async-op futures", sleeps_futures),
            ("ordered map", churn_map),
            ("tokio", |run| {
                let runtime = current_thread();
                runtime.block_on(async { churn_futures(run, |_| tokio::time::sleep(HOUR)) });
            }),
            ("smol", |run| {
                churn_futures(run, |_| smol::Timer::after(HOUR))
            }),
        ],
    },
    Workload {
        name: "limits",
        round: "a message waited for, for an hour at most, and sent",
        rounds: [10_000, 300_000],
        contenders: &[
            ("async-op", |run| limits_ours(run, true)),
            ("async-op, without a limit", |run| limits_ours(run, false)),
            ("async-op futures", |run| {
                limits_futures(run, |channel| channel.receive().cancel_after(HOUR));
            }),
            ("async-op futures, without a limit", |run| {
                limits_futures(run, Channel::receive);
            }),
            ("tokio", |run| {
                limits_tokio(run, async |channel| {
                    let message = tokio::time::timeout(HOUR, channel.recv());
                    message.await.ok().flatten()
                });
            }),
            ("tokio, without a limit", |run| {
                limits_tokio(run, async |channel| channel.recv().await);
            }),
        ],
    },
    Workload {
        name: "timers-pending",
        round: "timer, all scheduled and then all cancelled",
        rounds: [10_000, 1_000_000],
        contenders: &[
            ("async-op", pending_ours),
            ("async-op futures", |run| {
                let context = IoContext::for_one_thread().unwrap();
                pending_futures(run, |n| sleep(&context, shuffled(n)));
            }),
            ("ordered map", pending_map),
            ("tokio", |run| {
                let runtime = current_thread();
                runtime.block_on(async {
                    pending_futures(run, |n| tokio::time::sleep(shuffled(n)));
                });
            }),
            ("smol", |run| {
                pending_futures(run, |n| smol::Timer::after(shuffled(n)))
            }),
        ],
    },
    fired!(
        "timers-fired",
        "timer that fires, 200 each millisecond; latency: how late",
        [4_000, 200_000],
        Duration::from_micros(5)
    ),
    fired!(
        "timers-fired-1000",
        "timer that fires, 1000 each millisecond; latency: how late",
        [20_000, 1_000_000],
        Duration::from_micros(1)
    ),
];

const HOUR: Duration = Duration::from_secs(3600);

/// Times all over an hour, in no order.
fn shuffled(n: u64) -> Duration {
    HOUR + Duration::from_micros(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)
}

/// The callback comes, with an error, before the next round.
fn churn_ours(run: &mut Run) {
    fn again(timer: Timer, rounds: u64) {
        if rounds > 0 {
            timer.expires_after(HOUR);
            let next = timer.clone();
            timer.wait().callback(move |_| again(next, rounds - 1));
            timer.cancel();
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    let timer = Timer::new(&context);
    run.measure(|rounds| {
        again(timer.clone(), rounds);
        context.run();
        context.restart();
    });
}

fn new_ours(run: &mut Run) {
    fn again(executor: IoExecutor, rounds: u64) {
        if rounds > 0 {
            let timer = Timer::new(&executor);
            timer.expires_after(HOUR);
            timer.wait().callback(move |_| again(executor, rounds - 1));
            timer.cancel();
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    run.measure(|rounds| {
        again(context.executor(), rounds);
        context.run();
        context.restart();
    });
}

/// Without a timer, and cancelled by a signal.
fn sleeps_ours(run: &mut Run) {
    fn again(executor: IoExecutor, signal: Arc<CancellationSignal>, rounds: u64) {
        if rounds > 0 {
            let (next, slot) = (Arc::clone(&signal), signal.slot());
            let handler = move |_: io::Result<()>| again(executor, next, rounds - 1);
            async_sleep(&executor, HOUR, bind_cancellation_slot(slot, handler));
            signal.emit(CancellationType::TERMINAL);
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    let signal = Arc::new(CancellationSignal::new());
    run.measure(|rounds| {
        again(context.executor(), Arc::clone(&signal), rounds);
        context.run();
        context.restart();
    });
}

/// Polled once and dropped, in a task: as tokio's, who runs it is known.
fn sleeps_futures(run: &mut Run) {
    let context = IoContext::for_one_thread().unwrap();
    let executor = context.executor();
    run.measure(|rounds| {
        let sleeps = async move {
            for _ in 0..rounds {
                poll_once(pin!(sleep(&executor, HOUR))).await;
            }
        };
        spawn(&context, sleeps, Detached);
        context.run();
        context.restart();
    });
}

fn limits_ours(run: &mut Run, is_limited: bool) {
    fn again(channel: Channel<u64>, rounds: u64, is_limited: bool) {
        if rounds > 0 {
            let next = channel.clone();
            let handler = move |message: io::Result<u64>| {
                message.expect("it is sent");
                again(next, rounds - 1, is_limited);
            };
            if is_limited {
                channel.receive().cancel_after(HOUR).callback(handler);
            } else {
                channel.receive().callback(handler);
            }
            channel.try_send(rounds).expect("somebody waits");
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    let channel = Channel::new(&context, 0);
    run.measure(|rounds| {
        again(channel.clone(), rounds, is_limited);
        context.run();
        context.restart();
    });
}

fn limits_futures<F>(run: &mut Run, receive: fn(&Channel<u64>) -> F)
where
    F: Future<Output = io::Result<u64>> + Send + 'static,
{
    let context = IoContext::for_one_thread().unwrap();
    let channel = Channel::new(&context, 1);
    run.measure(|rounds| {
        let channel = channel.clone();
        let receives = async move {
            for n in 0..rounds {
                let mut message = pin!(receive(&channel));
                poll_once(message.as_mut()).await;
                channel.try_send(n).expect("there is room");
                message.await.expect("it is sent");
            }
        };
        spawn(&context, receives, Detached);
        context.run();
        context.restart();
    });
}

fn limits_tokio(run: &mut Run, receive: impl AsyncFn(&mut mpsc::Receiver<u64>) -> Option<u64>) {
    let runtime = current_thread();
    let (sender, mut receiver) = mpsc::channel(1);
    run.measure(|rounds| {
        runtime.block_on(async {
            for n in 0..rounds {
                let mut message = pin!(receive(&mut receiver));
                poll_once(message.as_mut()).await;
                sender.try_send(n).expect("there is room");
                message.await.expect("it is sent");
            }
        });
    });
}

async fn poll_once(mut future: Pin<&mut impl Future>) {
    poll_fn(|cx| {
        // Mostly pending; what yields now and then is ready all the same.
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Polled once, and dropped.
fn churn_futures<F: Future>(run: &mut Run, timer: impl Fn(u64) -> F) {
    let mut n = 0;
    churn_polls(run, |cx| {
        n += 1;
        pin!(timer(n)).as_mut().poll(cx).is_pending()
    });
}

/// Each round is one poll of something that is pending.
fn churn_polls(run: &mut Run, mut poll: impl FnMut(&mut Context<'_>) -> bool) {
    let cx = &mut Context::from_waker(Waker::noop());
    run.measure(|rounds| {
        for _ in 0..rounds {
            assert!(poll(cx));
        }
    });
}

/// The floor: what is to be called, by time. Reads the clock, as all others do.
fn churn_map(run: &mut Run) {
    let mut map = BTreeMap::<(Instant, u64), Waker>::new();
    run.measure(|rounds| {
        for n in 0..rounds {
            let key = (Instant::now() + HOUR, n);
            map.insert(key, Waker::noop().clone());
            assert!(std::hint::black_box(&mut map).remove(&key).is_some());
        }
    });
}

fn pending_ours(run: &mut Run) {
    let context = IoContext::for_one_thread().unwrap();
    run.measure(|rounds| {
        let schedule = |n| {
            let timer = Timer::new(&context);
            timer.expires_after(shuffled(n));
            timer.wait().callback(|result| assert!(result.is_err()));
            timer
        };
        let timers: Vec<_> = (0..rounds).map(schedule).collect();
        for timer in timers {
            timer.cancel();
        }
        assert_eq!(context.run() as u64, rounds);
        context.restart();
    });
}

fn pending_futures<F: Future>(run: &mut Run, timer: impl Fn(u64) -> F) {
    let cx = &mut Context::from_waker(Waker::noop());
    run.measure(|rounds| {
        let mut schedule = |n| {
            let mut timer: Pin<Box<F>> = Box::pin(timer(n));
            assert!(timer.as_mut().poll(cx).is_pending());
            timer
        };
        let timers: Vec<_> = (0..rounds).map(&mut schedule).collect();
        drop(timers);
    });
}

fn pending_map(run: &mut Run) {
    let mut map = BTreeMap::<(Instant, u64), Waker>::new();
    run.measure(|rounds| {
        let mut schedule = |n| {
            let key = (Instant::now() + shuffled(n), n);
            map.insert(key, Waker::noop().clone());
            key
        };
        let keys: Vec<_> = (0..rounds).map(&mut schedule).collect();
        for key in keys {
            assert!(map.remove(&key).is_some());
        }
    });
}

/// When timer number `n` of those that fire is due.
fn due(start: Instant, rounds: u64, n: u64, gap: Duration) -> Instant {
    // Time to schedule them all before the first is due.
    start + Duration::from_micros(2 * rounds) + gap * n as u32
}

fn fired_ours(run: &mut Run, gap: Duration) {
    let context = IoContext::for_one_thread().unwrap();
    run.measure(|rounds| {
        let start = Instant::now();
        for n in 0..rounds {
            let due = due(start, rounds, n, gap);
            sleep_until(&context, due).callback(move |result| {
                result.unwrap();
                late(due);
            });
        }
        context.run();
        context.restart();
    });
}

fn fired_futures(run: &mut Run, gap: Duration) {
    let context = IoContext::for_one_thread().unwrap();
    let executor = context.executor();
    run.measure(|rounds| {
        let start = Instant::now();
        for n in 0..rounds {
            let due = due(start, rounds, n, gap);
            let fires = async move {
                sleep_until(&executor, due).await.unwrap();
                late(due);
            };
            spawn(&context, fires, Detached);
        }
        context.run();
        context.restart();
    });
}

fn fired_tokio(run: &mut Run, runtime: Runtime, gap: Duration) {
    run.measure(|rounds| {
        let (start, left) = (Instant::now(), Arc::new(AtomicU64::new(rounds)));
        let (sender, receiver) = oneshot::channel();
        let mut sender = Some(sender);
        for n in 0..rounds {
            let (due, left) = (due(start, rounds, n, gap), left.clone());
            let done = (n == rounds - 1).then(|| sender.take().unwrap());
            runtime.spawn(async move {
                tokio::time::sleep_until(due.into()).await;
                late(due);
                left.fetch_sub(1, Ordering::Relaxed);
                if let Some(done) = done {
                    // The last is due, others may be on their way.
                    while left.load(Ordering::Relaxed) > 0 {
                        tokio::task::yield_now().await;
                    }
                    done.send(()).unwrap();
                }
            });
        }
        runtime.block_on(receiver).unwrap();
    });
}

fn fired_smol(run: &mut Run, gap: Duration) {
    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();
    run.measure(|rounds| {
        let start = Instant::now();
        let schedule = |n| {
            let due = due(start, rounds, n, gap);
            EXECUTOR.spawn(async move {
                smol::Timer::at(due).await;
                late(due);
            })
        };
        let tasks: Vec<_> = (0..rounds).map(schedule).collect();
        smol::block_on(EXECUTOR.run(async {
            for task in tasks {
                task.await;
            }
        }));
    });
}
