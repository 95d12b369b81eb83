//! A context that two threads run: a chain of tasks that one of them would do, and
//! somebody outside who waits for the result of each.

use std::sync::mpsc;
use std::thread::{self, Scope};

use async_op::executor::WorkGuard;
use async_op::task::Task;
use async_op::{Blocking, Executor, IoContext, IoExecutor, spawn};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::Workload;
use crate::measure::Run;
use crate::posts::{current_thread, multi_thread};

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "repost-2",
        round: "task that posts itself again; a second thread is idle",
        rounds: [20_000, 1_000_000],
        contenders: &[
            ("async-op", |run| repost_ours(run, 1)),
            ("async-op 2 threads", |run| repost_ours(run, 2)),
            ("tokio", |run| repost_tokio(run, current_thread())),
            ("tokio 2 threads", |run| repost_tokio(run, multi_thread())),
        ],
    },
    Workload {
        name: "spawn-join-outside",
        round: "future spawned and waited for by a thread that runs nothing",
        rounds: [2_000, 50_000],
        contenders: &[
            ("async-op", |run| outside_ours(run, 1)),
            ("async-op 2 threads", |run| outside_ours(run, 2)),
            ("tokio", |run| outside_tokio(run, current_thread())),
            ("tokio 2 threads", |run| outside_tokio(run, multi_thread())),
        ],
    },
];

/// A context for so many threads.
pub(crate) fn context_for(threads: u64) -> IoContext {
    let made = match threads {
        1 => IoContext::for_one_thread(),
        _ => IoContext::new(),
    };
    made.unwrap()
}

/// Calls `begin`, and runs `context` until there is nothing left to do: on this thread,
/// or on so many others, which are all inside, and idle, when `begin` is called.
pub(crate) fn run_by(context: &IoContext, threads: u64, begin: impl FnOnce()) {
    if threads == 1 {
        begin();
        context.run();
    } else {
        thread::scope(|scope| {
            let work = WorkGuard::new(context.executor());
            have_run(scope, context, threads);
            begin();
            drop(work);
        });
    }
    context.restart();
}

/// Has so many other `threads` run `context`, and waits until all are inside.
fn have_run<'scope>(scope: &'scope Scope<'scope, '_>, context: &'scope IoContext, threads: u64) {
    let mut held = Vec::new();
    for _ in 0..threads {
        scope.spawn(|| context.run());
        let (inside, arrived) = mpsc::channel();
        let (hold, released) = mpsc::channel::<()>();
        context.post(Task::new(move || {
            inside.send(()).unwrap();
            // It holds its thread, so that the next such task is for the next thread.
            assert!(released.recv().is_err());
        }));
        arrived.recv().unwrap();
        held.push(hold);
    }
}

fn repost_ours(run: &mut Run, threads: u64) {
    fn again(executor: IoExecutor, rounds: u64) {
        if rounds > 0 {
            executor.post(Task::new(move || again(executor, rounds - 1)));
        }
    }
    let context = context_for(threads);
    run.measure(|rounds| run_by(&context, threads, || again(context.executor(), rounds)));
}

fn repost_tokio(run: &mut Run, runtime: Runtime) {
    run.measure(|rounds| {
        let again = runtime.spawn(async move {
            for _ in 0..rounds {
                tokio::task::yield_now().await;
            }
        });
        runtime.block_on(again).unwrap();
    });
}

fn outside_ours(run: &mut Run, threads: u64) {
    let context = context_for(threads);
    thread::scope(|scope| {
        let work = WorkGuard::new(context.executor());
        have_run(scope, &context, threads);
        run.measure(|rounds| {
            for round in 0..rounds {
                let joined = spawn(&context, async move { round }, Blocking);
                assert_eq!(joined, round);
            }
        });
        drop(work);
    });
}

/// Another thread drives a runtime that has none of its own.
fn outside_tokio(run: &mut Run, runtime: Runtime) {
    let handle = runtime.handle();
    thread::scope(|scope| {
        let (stop, stopped) = oneshot::channel::<()>();
        scope.spawn(|| runtime.block_on(stopped));
        run.measure(|rounds| {
            for round in 0..rounds {
                let joined = handle.block_on(handle.spawn(async move { round }));
                assert_eq!(joined.unwrap(), round);
            }
        });
        drop(stop);
    });
}
