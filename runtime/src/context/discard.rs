use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crate::shim::thread_local;
use crate::task::{Task, TaskQueue};

thread_local! {
    /// Tasks to be destroyed on this thread after the one that is being destroyed.
    static NEXT: Cell<Option<TaskQueue>> = const { Cell::new(None) };
}

/// Destroys a task that no context takes in.
///
/// If that is done by the drop of another, it comes after that: a chain of them needs no
/// stack. A panic comes after all of them, the first if there are several.
pub(super) fn discard(task: Task) {
    let mut task = Some(task);
    let is_first = NEXT.try_with(|queue| {
        let mut tasks = queue.take();
        let is_first = tasks.is_none();
        tasks
            .get_or_insert_default()
            .push(task.take().expect("once"));
        queue.set(tasks);
        is_first
    });
    if !is_first.unwrap_or(false) {
        // While the thread ends there is no queue, and it is dropped here.
        return;
    }
    let mut panic = None;
    while let Some(task) = next() {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(task))) {
            panic.get_or_insert(payload);
        }
    }
    if let Some(panic) = panic {
        if !thread::panicking() {
            resume_unwind(panic);
        }
    }
}

/// Takes the next task out; the queue goes with the last one.
fn next() -> Option<Task> {
    let next = NEXT.try_with(|queue| {
        let mut tasks = queue.take()?;
        let next = tasks.pop()?;
        queue.set(Some(tasks));
        Some(next)
    });
    next.ok().flatten()
}
