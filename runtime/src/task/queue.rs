//! A first-in first-out queue linked through the tasks themselves.
//!
//! # Invariants
//!
//! - **I1** The queue owns every task on the list from `head` along `next` to
//!   `tail`; `tail` is `None` when `head` is.

use std::ptr::NonNull;

use super::{Header, Task};

/// Tasks in order, linked through their own memory. Dropping it drops them.
#[derive(Default)]
pub(crate) struct TaskQueue {
    head: Option<NonNull<Header>>,
    tail: Option<NonNull<Header>>,
}

// SAFETY: the queue owns its tasks (I1), and tasks are `Send`.
unsafe impl Send for TaskQueue {}

impl TaskQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    #[inline]
    pub(crate) fn push(&mut self, task: Task) {
        let header = task.into_raw();
        // SAFETY: the task has just been ours.
        unsafe { header.as_ref() }.next.set(None);
        self.link(header, header);
    }

    /// Puts a task before all others.
    pub(crate) fn push_first(&mut self, task: Task) {
        let mut first = Self::default();
        first.push(task);
        first.append(self);
        *self = first;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Task> {
        let header = self.head?;
        // SAFETY: by I1 the task is ours.
        self.head = unsafe { header.as_ref() }.next.get();
        if self.head.is_none() {
            self.tail = None;
        }
        // SAFETY: by I1 the task was ours, and it has just left the list.
        Some(unsafe { Task::from_raw(header) })
    }

    /// Returns how many tasks there are: counts them.
    #[cfg(feature = "test")]
    pub(crate) fn len(&self) -> usize {
        let mut next = self.head;
        let mut len = 0;
        while let Some(header) = next {
            len += 1;
            // SAFETY: by I1 the task is ours.
            next = unsafe { header.as_ref() }.next.get();
        }
        len
    }

    /// Puts the first `count` tasks behind all others.
    #[cfg(feature = "test")]
    pub(crate) fn turn(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(task) = self.pop() {
                self.push(task);
            }
        }
    }

    /// Moves all of `other` behind the tasks of this queue.
    pub(crate) fn append(&mut self, other: &mut TaskQueue) {
        if let (Some(head), Some(tail)) = (other.head.take(), other.tail.take()) {
            self.link(head, tail);
        }
    }

    /// Puts the list from `head` to `tail`, which nobody owns, at the end.
    #[inline]
    fn link(&mut self, head: NonNull<Header>, tail: NonNull<Header>) {
        match self.tail {
            // SAFETY: by I1 the last task is ours.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(head)),
            None => self.head = Some(head),
        }
        self.tail = Some(tail);
    }
}

impl Drop for TaskQueue {
    fn drop(&mut self) {
        // Goes on with the rest when the drop of a task panics.
        struct Rest<'a>(&'a mut TaskQueue);
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                while let Some(task) = self.0.pop() {
                    drop(task);
                }
            }
        }

        // One by one, so that what a task's drop does cannot recurse here.
        let rest = Rest(self);
        while let Some(task) = rest.0.pop() {
            drop(task);
        }
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
