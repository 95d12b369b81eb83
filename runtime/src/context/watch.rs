//! Tells whoever waits for a context that nobody runs what to do: in debug builds, once.
//!
//! The one who waits cannot look at the clock, and nobody else is there: so there is a thread,
//! from the first wait of that kind on, and no longer than there are such waits. In a program
//! that is as it should be there are none, but for a moment before the context is run.

use std::cell::Cell;
use std::env;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use super::IoExecutor;
use crate::shim::plain::Mutex;

/// Models have no time, and Miri objects to threads that are left.
const IS_ON: bool = cfg!(all(not(async_op_loom), not(miri)));
const PATIENCE: Duration = Duration::from_secs(1);
/// Set to 0 it keeps this quiet.
const VARIABLE: &str = "ASYNC_OP_WATCH";

thread_local! {
    static BLOCKS: Cell<bool> = const { Cell::new(false) };
}

/// This thread polls what it blocks on, and is about to run the context itself.
pub(crate) struct Blocking(bool);

impl Blocking {
    #[inline]
    pub(crate) fn begin() -> Self {
        Self(IS_ON && BLOCKS.replace(true))
    }
}

impl Drop for Blocking {
    #[inline]
    fn drop(&mut self) {
        if IS_ON {
            BLOCKS.set(self.0);
        }
    }
}

/// One for each context at the most.
struct Wait {
    executor: IoExecutor,
    operation: &'static str,
    since: Instant,
    /// How often the context had been run by then.
    runs: usize,
}

struct Waits {
    list: Vec<Wait>,
    is_watched: bool,
    /// It has been said, or is not wanted.
    is_over: bool,
}

static WAITS: Mutex<Waits> = Mutex::new(Waits {
    list: Vec::new(),
    is_watched: false,
    is_over: false,
});

impl IoExecutor {
    /// Notes that an operation waits, for what the context alone can bring.
    #[inline]
    pub(crate) fn note_wait(&self, operation: &'static str) {
        if IS_ON && !self.scheduler.is_attended() && !BLOCKS.get() {
            self.note_lonely_wait(operation);
        }
    }

    #[cold]
    fn note_lonely_wait(self, operation: &'static str) {
        let wait = Wait {
            executor: self,
            operation,
            since: Instant::now(),
            runs: self.scheduler.runs(),
        };
        let mut waits = WAITS.lock();
        if waits.is_over {
            return;
        }
        match waits.list.iter_mut().find(|it| it.executor == self) {
            Some(other) if other.runs != wait.runs => *other = wait,
            Some(_) => return,
            None => waits.list.push(wait),
        }
        if !waits.is_watched {
            waits.is_over = env::var_os(VARIABLE).is_some_and(|it| it == "0");
            let thread = thread::Builder::new().name("async-op watch".into());
            waits.is_watched = !waits.is_over && thread.spawn(watch).is_ok();
        }
    }
}

impl Wait {
    fn is_in_vain(&self) -> bool {
        let Self { executor, runs, .. } = self;
        let scheduler = executor.scheduler;
        *runs == scheduler.runs()
            && !scheduler.is_attended()
            && scheduler.has_work_of(executor.generation)
    }
}

fn watch() {
    let mut waits = WAITS.lock();
    while let Some(since) = waits.list.iter().map(|wait| wait.since).min() {
        let left = (since + PATIENCE).saturating_duration_since(Instant::now());
        if !left.is_zero() {
            drop(waits);
            thread::sleep(left);
            waits = WAITS.lock();
            continue;
        }
        let is_due = |wait: &Wait| wait.since.elapsed() >= PATIENCE;
        let (due, rest): (Vec<_>, _) = mem::take(&mut waits.list).into_iter().partition(is_due);
        waits.list = rest;
        if let Some(wait) = due.iter().find(|wait| wait.is_in_vain()) {
            waits.is_over = true;
            waits.list = Vec::new();
            drop(waits);
            return tell(wait.operation);
        }
    }
    waits.is_watched = false;
}

fn tell(operation: &str) {
    eprintln!(
        "async-op: `{operation}` has waited for a second, and nobody runs its `IoContext`.\n\
         To await an operation does not run its context. One of these does:\n\
         - `context.run()` on a thread, with a `WorkGuard` held;\n\
         - `context.drive_in_tokio().await` in a task (feature `tokio`), or \
         `drive_in_async_io` (feature `async-io`);\n\
         - `SystemExecutor` in place of the context: it has threads;\n\
         - `.blocking()` in place of `.await`, outside of async code.\n\
         More is on the page `async_op::guide::it_hangs`. {VARIABLE}=0 silences this, and \
         release builds do not look."
    );
}
