use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_op::Executor;
use async_op::task::Task;

use crate::Log;

thread_local! {
    // The executors whose `run` is on this thread's stack.
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// An executor whose tasks run when the test says so. Writes `post:name` and
/// `dispatch:name` to a log.
#[derive(Clone)]
pub struct Manual {
    state: Arc<State>,
}

struct State {
    name: &'static str,
    log: Log,
    queue: Mutex<VecDeque<Task>>,
    work: AtomicIsize,
}

impl Manual {
    /// Makes an executor that writes to `log`.
    pub fn new(name: &'static str, log: &Log) -> Self {
        Self {
            state: Arc::new(State {
                name,
                log: log.clone(),
                queue: Mutex::default(),
                work: AtomicIsize::new(0),
            }),
        }
    }

    /// Runs what is queued, and what that queues; returns how many tasks.
    pub fn run(&self) -> usize {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                RUNNING.with_borrow_mut(Vec::pop);
            }
        }

        RUNNING.with_borrow_mut(|running| running.push(self.id()));
        let _leave = Leave;
        let mut ran = 0;
        while let Some(task) = self.pop() {
            task.run();
            ran += 1;
        }
        ran
    }

    /// Takes the oldest task out.
    pub fn pop(&self) -> Option<Task> {
        self.lock().pop_front()
    }

    /// Returns how many tasks are queued.
    pub fn queued(&self) -> usize {
        self.lock().len()
    }

    /// Returns how much work is outstanding.
    pub fn work(&self) -> isize {
        self.state.work.load(Ordering::SeqCst)
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.state).addr()
    }

    fn note(&self, what: &str) {
        self.state.log.push(format!("{what}:{}", self.state.name));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Task>> {
        self.state
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Manual {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Executor for Manual {
    fn post(&self, task: Task) {
        self.note("post");
        self.lock().push_back(task);
    }

    fn runs_here(&self) -> bool {
        RUNNING.with_borrow(|running| running.contains(&self.id()))
    }

    fn dispatch(&self, task: Task) {
        if self.runs_here() {
            self.note("dispatch");
            task.run();
        } else {
            self.post(task);
        }
    }

    fn work_started(&self) {
        self.state.work.fetch_add(1, Ordering::SeqCst);
    }

    fn work_finished(&self) {
        self.state.work.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Manual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Manual").field(&self.state.name).finish()
    }
}

/// An executor that runs a dispatched task in place, and writes
/// `dispatch:inline`. What is posted goes to the [`Manual`] one behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Inline(pub Manual);

impl Executor for Inline {
    fn post(&self, task: Task) {
        self.0.post(task);
    }

    fn dispatch(&self, task: Task) {
        self.0.state.log.push("dispatch:inline");
        task.run();
    }
}
