//! One task posts a thousand that compute: what a second thread gains.

use async_op::task::Task;
use async_op::{Executor, IoExecutor};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::Workload;
use crate::measure::Run;
use crate::posts::{current_thread, multi_thread};
use crate::runners::{context_for, run_by};
use crate::threads::Left;

/// Those who post tasks of so many microseconds.
macro_rules! of_microseconds {
    ($name:literal, $round:literal, $rounds:expr, $microseconds:literal) => {
        Workload {
            name: $name,
            round: $round,
            rounds: $rounds,
            contenders: &[
                ("async-op", |run| ours(run, 1, $microseconds)),
                ("async-op 2 threads", |run| ours(run, 2, $microseconds)),
                ("calls", |run| calls(run, $microseconds)),
                ("tokio", |run| tokio(run, current_thread(), $microseconds)),
                ("tokio 2 threads", |run| {
                    tokio(run, multi_thread(), $microseconds);
                }),
            ],
        }
    };
}

pub(crate) const WORKLOADS: &[Workload] = &[
    of_microseconds!(
        "fan-out-1us",
        "task of about 1 us, a thousand at a time",
        [20_000, 500_000],
        1
    ),
    of_microseconds!(
        "fan-out-10us",
        "task of about 10 us, a thousand at a time",
        [5_000, 50_000],
        10
    ),
    of_microseconds!(
        "fan-out-100us",
        "task of about 100 us, a thousand at a time",
        [1_000, 10_000],
        100
    ),
];

const BURST: u64 = 1000;

/// How often `compute` turns in about a microsecond. A number and no clock: the work
/// is the same for all, on whatever machine and however busy that is.
const TURNS: u64 = 600;

/// Each turn needs the one before.
fn compute(microseconds: u64) {
    let mut x = std::hint::black_box(88_172_645_463_325_252_u64);
    for _ in 0..TURNS * microseconds {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    std::hint::black_box(x);
}

/// The last task of a thousand posts the next thousand.
fn ours(run: &mut Run, threads: u64, microseconds: u64) {
    fn burst(executor: IoExecutor, rounds: u64, microseconds: u64) {
        let tasks = BURST.min(rounds);
        let next = move || burst(executor, rounds - tasks, microseconds);
        let left = Left::new(tasks, next);
        for _ in 0..tasks {
            executor.post(Task::new(move || {
                compute(microseconds);
                left.arrive();
            }));
        }
    }
    let context = context_for(threads);
    run.measure(|rounds| {
        run_by(&context, threads, || {
            let executor = context.executor();
            executor.post(Task::new(move || burst(executor, rounds, microseconds)));
        });
    });
}

/// The floor of one thread.
fn calls(run: &mut Run, microseconds: u64) {
    run.measure(|rounds| (0..rounds).for_each(|_| compute(microseconds)));
}

fn tokio(run: &mut Run, runtime: Runtime, microseconds: u64) {
    fn burst(done: oneshot::Sender<()>, rounds: u64, microseconds: u64) {
        let tasks = BURST.min(rounds);
        if tasks == 0 {
            return done.send(()).unwrap();
        }
        let next = move || burst(done, rounds - tasks, microseconds);
        let left = Left::new(tasks, next);
        for _ in 0..tasks {
            tokio::spawn(async move {
                compute(microseconds);
                left.arrive();
            });
        }
    }
    run.measure(|rounds| {
        let (sender, receiver) = oneshot::channel();
        runtime.spawn(async move { burst(sender, rounds, microseconds) });
        runtime.block_on(receiver).unwrap();
    });
}
