//! Work that stays in one loop: tasks that post tasks, futures that are joined.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_op::executor::{AnyExecutor, Strand, dispatch_on};
use async_op::task::Task;
use async_op::{Executor, IoContext, UseFuture, post_on, spawn};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::Workload;
use crate::measure::Run;
use crate::mio_loop::{Loop, Queue};

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "post-chain",
        round: "task that posts the next",
        rounds: [20_000, 1_000_000],
        contenders: &[
            ("async-op", |run| ours(run, 1)),
            ("async-op post_on", |run| callbacks(run, 1)),
            ("mio", |run| mio(run, 1)),
            ("tokio", |run| tokio(run, current_thread(), 1)),
            ("tokio 2 threads", |run| tokio(run, multi_thread(), 1)),
            ("smol", |run| smol(run, 1)),
        ],
    },
    Workload {
        name: "post-fan-out",
        round: "task, a thousand at a time",
        rounds: [20_000, 1_000_000],
        contenders: &[
            ("async-op", |run| ours(run, 1000)),
            ("async-op post_on", |run| callbacks(run, 1000)),
            ("mio", |run| mio(run, 1000)),
            ("tokio", |run| tokio(run, current_thread(), 1000)),
            ("tokio 2 threads", |run| tokio(run, multi_thread(), 1000)),
            ("smol", |run| smol(run, 1000)),
        ],
    },
    Workload {
        name: "dispatch-inline",
        round: "dispatch that may run at once",
        rounds: [50_000, 5_000_000],
        contenders: &[
            ("async-op", |run| {
                dispatch(run, |context| context.executor())
            }),
            ("async-op strand", |run| {
                dispatch(run, |context| Strand::new(context.executor()));
            }),
            ("async-op erased", |run| {
                dispatch(run, |context| AnyExecutor::new(context.executor()));
            }),
            ("boxed call", |run| run.measure(boxed_calls)),
        ],
    },
    Workload {
        name: "spawn-join",
        round: "future spawned and awaited",
        rounds: [10_000, 500_000],
        contenders: &[
            ("async-op", spawn_ours),
            ("tokio", |run| spawn_tokio(run, current_thread())),
            ("tokio 2 threads", |run| spawn_tokio(run, multi_thread())),
            ("smol", spawn_smol),
        ],
    },
];

pub(crate) fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn multi_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Each task posts up to `burst` others; the last of them goes on.
fn ours(run: &mut Run, burst: u64) {
    fn again(executor: async_op::IoExecutor, rounds: u64, burst: u64) {
        for _ in 1..burst.min(rounds) {
            executor.post(Task::new(|| {}));
        }
        if rounds > 0 {
            let left = rounds.saturating_sub(burst);
            executor.post(Task::new(move || again(executor, left, burst)));
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    run.measure(|rounds| {
        again(context.executor(), rounds, burst);
        context.run();
        context.restart();
    });
}

/// The same with callbacks instead of tasks.
fn callbacks(run: &mut Run, burst: u64) {
    fn again(executor: async_op::IoExecutor, rounds: u64, burst: u64) {
        for _ in 1..burst.min(rounds) {
            post_on(&executor, || {});
        }
        if rounds > 0 {
            let left = rounds.saturating_sub(burst);
            post_on(&executor, move || again(executor, left, burst));
        }
    }
    let context = IoContext::for_one_thread().unwrap();
    run.measure(|rounds| {
        again(context.executor(), rounds, burst);
        context.run();
        context.restart();
    });
}

fn mio(run: &mut Run, burst: u64) {
    fn again(queue: &Arc<Queue>, done: Arc<AtomicBool>, rounds: u64, burst: u64) {
        for _ in 1..burst.min(rounds) {
            queue.post(|_| {});
        }
        if rounds > 0 {
            let left = rounds.saturating_sub(burst);
            queue.post(move |queue| again(queue, done, left, burst));
        } else {
            done.store(true, Ordering::Relaxed);
        }
    }
    let mut mio = Loop::new();
    run.measure(|rounds| {
        let done = Arc::new(AtomicBool::new(false));
        again(&mio.queue, done.clone(), rounds, burst);
        mio.run(|| done.load(Ordering::Relaxed));
    });
}

fn tokio(run: &mut Run, runtime: Runtime, burst: u64) {
    fn again(done: oneshot::Sender<()>, rounds: u64, burst: u64) {
        for _ in 1..burst.min(rounds) {
            tokio::spawn(async {});
        }
        if rounds > 0 {
            let left = rounds.saturating_sub(burst);
            tokio::spawn(async move { again(done, left, burst) });
        } else {
            done.send(()).unwrap();
        }
    }
    run.measure(|rounds| {
        runtime.block_on(async {
            let (sender, receiver) = oneshot::channel();
            again(sender, rounds, burst);
            receiver.await.unwrap();
        });
    });
}

static SMOL: smol::Executor<'static> = smol::Executor::new();

fn smol(run: &mut Run, burst: u64) {
    fn again(done: oneshot::Sender<()>, rounds: u64, burst: u64) {
        for _ in 1..burst.min(rounds) {
            SMOL.spawn(async {}).detach();
        }
        if rounds > 0 {
            let left = rounds.saturating_sub(burst);
            SMOL.spawn(async move { again(done, left, burst) }).detach();
        } else {
            done.send(()).unwrap();
        }
    }
    run.measure(|rounds| {
        smol::block_on(SMOL.run(async {
            let (sender, receiver) = oneshot::channel();
            again(sender, rounds, burst);
            receiver.await.unwrap();
        }));
    });
}

fn dispatch<E: Executor>(run: &mut Run, executor: fn(&IoContext) -> E) {
    let context = IoContext::for_one_thread().unwrap();
    let executor = executor(&context);
    run.measure(|rounds| {
        let inside = executor.clone();
        post_on(&executor, move || {
            for round in 0..rounds {
                dispatch_on(&inside, move || {
                    std::hint::black_box(round);
                });
            }
        });
        context.run();
        context.restart();
    });
}

/// The least that a task of erased type costs.
fn boxed_calls(rounds: u64) {
    for round in 0..rounds {
        let call: Box<dyn FnOnce()> = Box::new(move || {
            std::hint::black_box(round);
        });
        std::hint::black_box(call)();
    }
}

fn spawn_ours(run: &mut Run) {
    let context = IoContext::for_one_thread().unwrap();
    let executor = context.executor();
    run.measure(|rounds| {
        let joins = async move {
            for round in 0..rounds {
                let joined = spawn(&executor, async move { round }, UseFuture).await;
                assert_eq!(joined, round);
            }
        };
        spawn(&executor, joins, |()| {});
        context.run();
        context.restart();
    });
}

fn spawn_tokio(run: &mut Run, runtime: Runtime) {
    run.measure(|rounds| {
        let joins = async move {
            for round in 0..rounds {
                let joined = tokio::spawn(async move { round }).await;
                assert_eq!(joined.unwrap(), round);
            }
        };
        runtime.block_on(async { tokio::spawn(joins).await.unwrap() });
    });
}

fn spawn_smol(run: &mut Run) {
    run.measure(|rounds| {
        let joins = async move {
            for round in 0..rounds {
                assert_eq!(SMOL.spawn(async move { round }).await, round);
            }
        };
        smol::block_on(SMOL.run(SMOL.spawn(joins)));
    });
}
