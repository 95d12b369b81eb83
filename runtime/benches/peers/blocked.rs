//! Threads that block: on timers of a context that they drive themselves, and on
//! operations that another thread completes.

use std::sync::mpsc::{self, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use async_op::time::Timer;
use async_op::{Completion, IoContext, IoExecutor, async_op};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::Workload;
use crate::measure::Run;
use crate::posts::{current_thread, multi_thread};
use crate::threads::produce;

/// Those who have so many threads block on a timer.
macro_rules! on_timers {
    ($name:literal, $round:literal, $rounds:expr, $threads:literal) => {
        Workload {
            name: $name,
            round: $round,
            rounds: $rounds,
            contenders: &[
                ("async-op", |run| timers_ours(run, $threads)),
                ("sleep", |run| sleeps(run, $threads)),
                ("tokio", |run| timers_tokio(run, current_thread(), $threads)),
                ("tokio 2 threads", |run| {
                    timers_tokio(run, multi_thread(), $threads);
                }),
            ],
        }
    };
}

/// Those who have so many threads block on what another one completes.
macro_rules! on_another {
    ($name:literal, $round:literal, $rounds:expr, $threads:literal) => {
        Workload {
            name: $name,
            round: $round,
            rounds: $rounds,
            contenders: &[
                ("async-op", |run| answered_ours(run, $threads)),
                ("channel", |run| answered_channel(run, $threads)),
                ("tokio", |run| {
                    answered_tokio(run, current_thread(), $threads);
                }),
                ("tokio 2 threads", |run| {
                    answered_tokio(run, multi_thread(), $threads);
                }),
            ],
        }
    };
}

pub(crate) const WORKLOADS: &[Workload] = &[
    on_timers!(
        "block-timer-1",
        "timer of 200 us that a thread blocks on",
        [200, 2_000],
        1
    ),
    on_timers!(
        "block-timer-64",
        "timer of 200 us that one of 64 threads blocks on",
        [2_560, 64_000],
        64
    ),
    on_another!(
        "block-1",
        "operation that a thread blocks on and another completes",
        [2_000, 50_000],
        1
    ),
    on_another!(
        "block-4",
        "operation that one of 4 threads blocks on and a fifth completes",
        [2_000, 50_000],
        4
    ),
    on_another!(
        "block-64",
        "operation that one of 64 threads blocks on and another completes",
        [2_560, 64_000],
        64
    ),
];

const WAIT: Duration = Duration::from_micros(200);

fn timers(run: &mut Run, threads: u64, wait: impl Fn() + Sync) {
    run.measure(|rounds| produce(rounds, threads, &wait, || {}));
}

/// Nobody else runs the context.
fn timers_ours(run: &mut Run, threads: u64) {
    let context = IoContext::new().unwrap();
    timers(run, threads, || {
        let timer = Timer::new(&context);
        timer.expires_after(WAIT);
        timer.wait().blocking().unwrap();
    });
}

/// The floor: the system's timers.
fn sleeps(run: &mut Run, threads: u64) {
    timers(run, threads, || thread::sleep(WAIT));
}

fn timers_tokio(run: &mut Run, runtime: Runtime, threads: u64) {
    timers(run, threads, || {
        runtime.block_on(async { tokio::time::sleep(WAIT).await });
    });
}

/// So many `threads` ask again and again, and wait each time; one more has them
/// answered.
fn answered<T: Send>(run: &mut Run, threads: u64, ask: impl Fn(&Sender<T>) + Sync, answer: fn(T)) {
    run.measure(|rounds| {
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| receiver.into_iter().for_each(answer));
            // Dropped in the end, whereupon the other thread leaves.
            let sender = sender;
            produce(rounds, threads, || ask(&sender), || {});
        });
    });
}

type Answer = Completion<fn()>;

#[async_op]
fn async_ask(_executor: &IoExecutor, answers: &Sender<Answer>, op: Completion<fn()>) {
    answers.send(op).unwrap();
}

/// Nobody runs the context.
fn answered_ours(run: &mut Run, threads: u64) {
    let context = IoContext::new().unwrap();
    answered(
        run,
        threads,
        |answers| ask(&context, answers).blocking(),
        |answer: Answer| answer.complete(),
    );
}

/// The floor: a channel to ask, and one for each answer.
fn answered_channel(run: &mut Run, threads: u64) {
    answered(
        run,
        threads,
        |answers| {
            let (sender, receiver) = mpsc::sync_channel(1);
            answers.send(sender).unwrap();
            receiver.recv().unwrap();
        },
        |answer: SyncSender<()>| answer.send(()).unwrap(),
    );
}

fn answered_tokio(run: &mut Run, runtime: Runtime, threads: u64) {
    answered(
        run,
        threads,
        |answers| {
            let (sender, receiver) = oneshot::channel();
            answers.send(sender).unwrap();
            runtime.block_on(receiver).unwrap();
        },
        |answer: oneshot::Sender<()>| answer.send(()).unwrap(),
    );
}
