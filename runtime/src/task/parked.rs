//! Leaves that wait, and who has them.
//!
//! # Invariants
//!
//! Those of the [leaf](super::leaf), of which this is what its place knows.

use std::cell::Cell;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::initiating::OperationId;
use super::{Header, Task, TaskQueue, TaskVtable};
use crate::cancel::error::{cancelled, context_gone};

/// The part of a leaf that its place knows. Aligned so that an address has room for flags.
#[repr(C, align(16))] // `task` first: a `NonNull<Header>` is cast to this.
pub(crate) struct LeafHeader {
    pub(super) task: Header,
    vtable: &'static LeafVtable,
    /// That of its requests to cancel; nobody's, if there can be none.
    operation: OperationId,
    /// How it has ended, where whoever took it from its place knows.
    ended: Cell<Option<Ended>>,
}

pub(super) struct LeafVtable {
    pub(super) post: unsafe fn(NonNull<LeafHeader>),
    pub(super) end: unsafe fn(NonNull<LeafHeader>, Ended),
}

impl LeafHeader {
    #[inline]
    pub(super) fn new(
        task: &'static TaskVtable,
        vtable: &'static LeafVtable,
        operation: OperationId,
    ) -> Self {
        Self {
            task: Header::new(task),
            vtable,
            operation,
            ended: Cell::new(None),
        }
    }
}

/// A leaf that waits, and belongs to whoever has this. Dropping it abandons the operation.
#[must_use = "dropping it abandons the operation"]
pub(crate) struct Parked(NonNull<LeafHeader>);

// SAFETY: by I1 nobody else has the leaf, all of which is `Send`: the handler, the
// executor and the allocator by their traits, the attempt and its output by that of
// `Attempt`.
unsafe impl Send for Parked {}

impl Parked {
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<LeafHeader> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    ///
    /// - The pointer is that of a leaf, of [`into_raw`](Self::into_raw) or of its owner,
    ///   and given up. The payload is the attempt.
    #[inline]
    pub(crate) unsafe fn from_raw(leaf: NonNull<LeafHeader>) -> Self {
        Self(leaf)
    }

    /// Makes it the task of the next attempt, for the I/O executor.
    #[inline]
    pub(crate) fn into_task(self) -> Task {
        // SAFETY: the ownership goes into the task (I1), whose vtable is that of an
        // attempt (I2).
        unsafe { Task::from_raw(self.into_raw().cast()) }
    }

    /// Posts it to the I/O executor, for the next attempt.
    pub(crate) fn post(self) {
        let leaf = self.into_raw();
        // SAFETY: by I1 the leaf is ours.
        let vtable = unsafe { leaf.as_ref() }.vtable;
        // SAFETY: the vtable fits; the ownership is passed on.
        unsafe { (vtable.post)(leaf) };
    }

    /// Makes it a waker, which owns it. Waking that has it [go on](Self::go_on).
    pub(crate) fn into_waker(self) -> Waker {
        let data = self.into_raw().as_ptr().cast_const().cast();
        // SAFETY: the vtable upholds the contract of `RawWaker`, but for clones: nobody
        // makes any of what waits in the place that it is made for.
        unsafe { Waker::from_raw(RawWaker::new(data, &WAKER)) }
    }

    /// Makes it of a waker again, if that is one.
    pub(crate) fn from_waker(waker: Waker) -> Option<Self> {
        let leaf = Self::header_of(&waker)?;
        mem::forget(waker);
        Some(Self(leaf))
    }

    /// Takes note in the leaf that a waker is, if it is one, of how it has ended. Returns
    /// whether it is.
    pub(crate) fn note(waker: &Waker, how: Ended) -> bool {
        let Some(leaf) = Self::header_of(waker) else {
            return false;
        };
        // SAFETY: the waker owns the leaf, and is the caller's.
        unsafe { leaf.as_ref() }.ended.set(Some(how));
        true
    }

    /// Returns which operation waits by the leaf that a waker is, if it is one.
    pub(crate) fn operation_of(waker: &Waker) -> Option<OperationId> {
        let leaf = Self::header_of(waker)?;
        // SAFETY: the waker owns the leaf, and is borrowed.
        Some(unsafe { leaf.as_ref() }.operation)
    }

    fn header_of(waker: &Waker) -> Option<NonNull<LeafHeader>> {
        let is_leaf = ptr::eq(waker.vtable(), &WAKER);
        let leaf = NonNull::new(waker.data().cast_mut().cast());
        leaf.filter(|_| is_leaf)
    }

    /// Goes on: by another attempt, or to its end where that is known.
    pub(crate) fn go_on(self) {
        // SAFETY: by I1 the leaf is ours.
        match unsafe { self.0.as_ref() }.ended.get() {
            Some(how) => self.end(how),
            None => self.post(),
        }
    }

    /// Ends the operation: the handler is posted.
    pub(crate) fn end(self, why: Ended) {
        let leaf = self.into_raw();
        // SAFETY: by I1 the leaf is ours.
        let vtable = unsafe { leaf.as_ref() }.vtable;
        // SAFETY: the vtable fits; the ownership is passed on.
        unsafe { (vtable.end)(leaf, why) };
    }

    pub(crate) fn operation(&self) -> OperationId {
        // SAFETY: by I1 the leaf is ours.
        unsafe { self.0.as_ref() }.operation
    }
}

/// The wakers that own a leaf.
static WAKER: RawWakerVTable = RawWakerVTable::new(
    |_| unreachable!("a leaf waits in one place"),
    // SAFETY: the waker is given up, here and below.
    |data| unsafe { parked(data) }.go_on(),
    |_| unreachable!("a leaf is woken once"),
    // SAFETY: as above.
    |data| drop(unsafe { parked(data) }),
);

/// # Safety
///
/// - `data` is that of a waker of [`Parked::into_waker`], which is given up.
unsafe fn parked(data: *const ()) -> Parked {
    // SAFETY: made of a `NonNull` there.
    Parked(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) })
}

impl Drop for Parked {
    fn drop(&mut self) {
        // SAFETY: the ownership goes into the task, which destroys it.
        drop(unsafe { Task::from_raw(self.0.cast()) });
    }
}

/// What has become of a leaf that was to be parked.
pub(crate) enum Parking {
    Parked,
    /// Another attempt is due.
    Due(Parked),
    /// There is nothing to wait for.
    Over(Parked, Ended),
    Failed(Parked, io::Error),
}

/// How an operation ends without an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The time that it waited for has come.
    Expired,
    Cancelled,
    ContextGone,
}

impl Ended {
    #[inline]
    pub(crate) fn result(self) -> io::Result<()> {
        match self {
            Self::Expired => Ok(()),
            Self::Cancelled => Err(cancelled()),
            Self::ContextGone => Err(context_gone()),
        }
    }
}

/// Leaves that wait, in order.
#[derive(Default)]
pub(crate) struct LeafQueue(TaskQueue);

impl LeafQueue {
    pub(crate) fn push(&mut self, leaf: Parked) {
        self.0.push(leaf.into_task());
    }

    pub(crate) fn pop(&mut self) -> Option<Parked> {
        let task = self.0.pop()?;
        // SAFETY: `push` put it there, and it has not run.
        Some(unsafe { Parked::from_raw(task.into_raw().cast()) })
    }

    pub(crate) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// Returns them as the tasks of their next attempts, to be moved elsewhere.
    pub(crate) fn as_tasks(&mut self) -> &mut TaskQueue {
        &mut self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out the leaf of an operation.
    pub(crate) fn remove(&mut self, operation: OperationId) -> Option<Parked> {
        let mut found = None;
        let mut rest = mem::take(self);
        while let Some(leaf) = rest.pop() {
            if leaf.operation() == operation {
                found = Some(leaf);
                break;
            }
            self.push(leaf);
        }
        self.append(&mut rest);
        found
    }
}
