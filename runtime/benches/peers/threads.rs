//! Posts between threads, and strands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

use async_op::executor::{Strand, WorkGuard};
use async_op::task::Task;
use async_op::{Executor, IoContext, IoExecutor};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::Workload;
use crate::measure::Run;
use crate::mio_loop::Loop;
use crate::posts::{current_thread, multi_thread};
use crate::runners::{context_for, run_by};

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "cross-thread-1",
        round: "post by one thread to a loop in another",
        rounds: [20_000, 1_000_000],
        contenders: &[
            ("async-op", |run| ours(run, 1, 1)),
            ("async-op 2 threads", |run| ours(run, 1, 2)),
            ("locked array", |run| array(run, 1)),
            ("mio", |run| mio(run, 1)),
            ("tokio", |run| tokio(run, current_thread(), 1)),
            ("tokio 2 threads", |run| tokio(run, multi_thread(), 1)),
            ("smol", |run| smol(run, 1)),
        ],
    },
    Workload {
        name: "cross-thread-4",
        round: "post by one of four threads to a loop in a fifth",
        rounds: [20_000, 1_000_000],
        contenders: &[
            ("async-op", |run| ours(run, 4, 1)),
            ("async-op 2 threads", |run| ours(run, 4, 2)),
            ("locked array", |run| array(run, 4)),
            ("mio", |run| mio(run, 4)),
            ("tokio", |run| tokio(run, current_thread(), 4)),
            ("tokio 2 threads", |run| tokio(run, multi_thread(), 4)),
            ("smol", |run| smol(run, 4)),
        ],
    },
    Workload {
        name: "strand",
        round: "task through one strand, from two threads",
        rounds: [20_000, 1_000_000],
        contenders: &[
            ("async-op", strand_ours),
            ("locked array", strand_array),
            ("tokio actor", strand_tokio),
            ("smol actor", strand_smol),
        ],
    },
];

/// How many tasks are still to come, and what to do then. Never freed: nobody
/// counts references to it, which would cost more than some of the queues.
pub(crate) struct Left {
    count: AtomicU64,
    done: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Left {
    pub(crate) fn new(rounds: u64, done: impl FnOnce() + Send + 'static) -> &'static Self {
        Box::leak(Box::new(Self {
            count: AtomicU64::new(rounds),
            done: Mutex::new(Some(Box::new(done))),
        }))
    }

    /// One has come.
    pub(crate) fn arrive(&self) {
        if self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            let done = self.done.lock().unwrap().take();
            done.expect("a last task")();
        }
    }

    fn none(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }
}

/// What is in an array that the floor is made of.
type Item = (fn(&Left), &'static Left);

/// Runs `post` for `rounds` rounds on `producers` threads, and `runner` on this.
pub(crate) fn produce(rounds: u64, producers: u64, post: impl Fn() + Sync, runner: impl FnOnce()) {
    thread::scope(|scope| {
        for n in 0..producers {
            let share = rounds / producers + u64::from(n < rounds % producers);
            let post = &post;
            scope.spawn(move || (0..share).for_each(|_| post()));
        }
        runner();
    });
}

/// So many `threads` run the context.
fn ours(run: &mut Run, producers: u64, threads: u64) {
    let context = context_for(threads);
    let executor = context.executor();
    run.measure(|rounds| {
        let work = WorkGuard::new(executor);
        let left = Left::new(rounds, || drop(work));
        let post = || executor.post(Task::new(|| left.arrive()));
        produce(rounds, producers, post, || run_by(&context, threads, || {}));
    });
}

/// The floor: no tasks of erased type, one array that is filled while the other
/// is emptied.
fn array(run: &mut Run, producers: u64) {
    let queue = (Mutex::new(Vec::<Item>::new()), Condvar::new());
    run.measure(|rounds| {
        let left = Left::new(rounds, || {});
        let post = || {
            let item: Item = (Left::arrive, left);
            let mut items = queue.0.lock().unwrap();
            items.push(item);
            if items.len() == 1 {
                queue.1.notify_one();
            }
        };
        produce(rounds, producers, post, || {
            let mut items = Vec::new();
            while !left.none() {
                let mut posted = queue.0.lock().unwrap();
                while posted.is_empty() {
                    posted = queue.1.wait(posted).unwrap();
                }
                std::mem::swap(&mut *posted, &mut items);
                drop(posted);
                for (item, left) in items.drain(..) {
                    item(left);
                }
            }
        });
    });
}

fn mio(run: &mut Run, producers: u64) {
    let mut mio = Loop::new();
    let queue = mio.queue.clone();
    run.measure(|rounds| {
        let left = Left::new(rounds, || {});
        let post = || {
            queue.post(|_| left.arrive());
        };
        produce(rounds, producers, post, || mio.run(|| left.none()));
    });
}

fn tokio(run: &mut Run, runtime: Runtime, producers: u64) {
    let handle = runtime.handle();
    run.measure(|rounds| {
        let (sender, receiver) = oneshot::channel();
        let left = Left::new(rounds, || sender.send(()).unwrap());
        let post = || drop(handle.spawn(async { left.arrive() }));
        produce(rounds, producers, post, || {
            runtime.block_on(receiver).unwrap();
        });
    });
}

fn smol(run: &mut Run, producers: u64) {
    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();
    run.measure(|rounds| {
        let (sender, receiver) = oneshot::channel();
        let left = Left::new(rounds, || sender.send(()).unwrap());
        let post = || EXECUTOR.spawn(async { left.arrive() }).detach();
        produce(rounds, producers, post, || {
            smol::block_on(EXECUTOR.run(receiver)).unwrap();
        });
    });
}

/// What a poster sends before it lets others run.
const BURST: u64 = 100;

/// Two threads run the context; two chains of tasks there post to the strand.
fn strand_ours(run: &mut Run) {
    fn burst(context: IoExecutor, strand: Strand<IoExecutor>, left: u64, sum: &'static Left) {
        for _ in 0..BURST.min(left) {
            strand.post(Task::new(|| sum.arrive()));
        }
        if let Some(left) = left.checked_sub(BURST) {
            context.post(Task::new(move || burst(context, strand, left, sum)));
        }
    }
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    run.measure(|rounds| {
        let sum = Left::new(rounds / 2 * 2, || {});
        for _ in 0..2 {
            burst(context.executor(), strand.clone(), rounds / 2, sum);
        }
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            context.run();
        });
        assert!(sum.none());
        context.restart();
    });
}

/// The floor: whoever comes first runs what all have put into the array.
fn strand_array(run: &mut Run) {
    struct Array {
        items: Vec<Item>,
        spare: Vec<Item>,
        running: bool,
    }
    fn post(array: &Mutex<Array>, item: Item) {
        let mut locked = array.lock().unwrap();
        locked.items.push(item);
        if std::mem::replace(&mut locked.running, true) {
            return;
        }
        while !locked.items.is_empty() {
            let spare = std::mem::take(&mut locked.spare);
            let mut items = std::mem::replace(&mut locked.items, spare);
            drop(locked);
            for (item, left) in items.drain(..) {
                item(left);
            }
            locked = array.lock().unwrap();
            locked.spare = items;
        }
        locked.running = false;
    }
    let array = Mutex::new(Array {
        items: Vec::new(),
        spare: Vec::new(),
        running: false,
    });
    run.measure(|rounds| {
        let left = Left::new(rounds, || {});
        let item = || post(&array, (Left::arrive, left));
        produce(rounds, 2, item, || {});
    });
}

fn strand_tokio(run: &mut Run) {
    let runtime = multi_thread();
    run.measure(|rounds| {
        let left = Left::new(rounds / 2 * 2, || {});
        let (sender, mut receiver) = mpsc::unbounded_channel::<&'static Left>();
        for _ in 0..2 {
            let sender = sender.clone();
            runtime.spawn(async move {
                for n in 0..rounds / 2 {
                    sender.send(left).unwrap();
                    if n % BURST == BURST - 1 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        drop(sender);
        let actor = runtime.spawn(async move {
            while let Some(left) = receiver.recv().await {
                left.arrive();
            }
        });
        runtime.block_on(actor).unwrap();
        assert!(left.none());
    });
}

fn strand_smol(run: &mut Run) {
    static EXECUTOR: smol::Executor<'static> = smol::Executor::new();
    run.measure(|rounds| {
        let left = Left::new(rounds / 2 * 2, || {});
        let (sender, receiver) = smol::channel::unbounded::<&'static Left>();
        for _ in 0..2 {
            let sender = sender.clone();
            let posts = async move {
                for n in 0..rounds / 2 {
                    sender.try_send(left).unwrap();
                    if n % BURST == BURST - 1 {
                        smol::future::yield_now().await;
                    }
                }
            };
            EXECUTOR.spawn(posts).detach();
        }
        drop(sender);
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let actor = EXECUTOR.spawn(async move {
            while let Ok(left) = receiver.recv().await {
                left.arrive();
            }
            drop(stop);
        });
        thread::scope(|scope| {
            scope.spawn(|| smol::block_on(EXECUTOR.run(stopped.recv())));
            smol::block_on(EXECUTOR.run(actor));
        });
        assert!(left.none());
    });
}
