//! An executor of any type.
//!
//! # Invariants
//!
//! - **I1** `executor` holds an executor of the type that `vtable` was made for.

use std::any::Any;
use std::fmt;

use super::{Executor, Unblock};
use crate::context::IoExecutor;
use crate::erased::Erased;
use crate::task::Task;

/// An executor whose type has been erased.
///
/// Equal when the types and the executors are. Executors of up to two words,
/// such as context handles and strands, are held in place; a larger one is
/// boxed, each clone in a box of its own. Posting allocates nothing.
///
/// ```
/// use async_op::{IoContext, SystemExecutor};
/// use async_op::executor::{AnyExecutor, Strand};
///
/// let context = IoContext::new()?;
/// let strand = Strand::new(context.executor());
/// let executors = [
///     AnyExecutor::new(SystemExecutor),
///     AnyExecutor::new(context.executor()),
///     AnyExecutor::new(strand.clone()),
/// ];
/// assert!(executors[2] == AnyExecutor::new(strand));
/// assert!(executors[2] != executors[1]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "any_io_executor")]
#[doc(alias = "any_completion_executor")]
#[derive(Clone)]
pub struct AnyExecutor {
    vtable: &'static Vtable,
    executor: Erased,
}

struct Vtable {
    post: unsafe fn(&Erased, Task),
    runs_here: unsafe fn(&Erased) -> bool,
    dispatch: unsafe fn(&Erased, Task),
    defer: unsafe fn(&Erased, Task),
    work_started: unsafe fn(&Erased),
    work_finished: unsafe fn(&Erased),
    context: unsafe fn(&Erased) -> Option<IoExecutor>,
    block: unsafe fn(&Erased, &Unblock),
    equals: fn(&Erased, &Erased) -> bool,
}

// SAFETY: executors are `Send` and `Sync`, and so is a `Box` of one.
unsafe impl Send for AnyExecutor {}

// SAFETY: as above.
unsafe impl Sync for AnyExecutor {}

impl Vtable {
    const fn of<E: Executor>() -> Self {
        Self {
            // SAFETY: by I1 it is an `E`, here and in all that follow.
            post: |executor, task| unsafe { executor.get::<E>() }.post(task),
            // SAFETY: as above.
            runs_here: |executor| unsafe { executor.get::<E>() }.runs_here(),
            // SAFETY: as above.
            dispatch: |executor, task| unsafe { executor.get::<E>() }.dispatch(task),
            // SAFETY: as above.
            defer: |executor, task| unsafe { executor.get::<E>() }.defer(task),
            // SAFETY: as above.
            work_started: |executor| unsafe { executor.get::<E>() }.work_started(),
            // SAFETY: as above.
            work_finished: |executor| unsafe { executor.get::<E>() }.work_finished(),
            // SAFETY: as above.
            context: |executor| unsafe { executor.get::<E>() }.context(),
            // SAFETY: as above.
            block: |executor, until| unsafe { executor.get::<E>() }.block(until),
            equals: |a, b| match (a.downcast::<E>(), b.downcast::<E>()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl AnyExecutor {
    /// Erases the type of `executor`.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::executor::AnyExecutor;
    ///
    /// let one = AnyExecutor::new(SystemExecutor);
    /// assert!(one == AnyExecutor::new(SystemExecutor)); // as those inside are
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had for a large one.
    pub fn new<E: Executor>(executor: E) -> Self {
        let mut executor = Some(executor);
        let any: &mut dyn Any = &mut executor;
        let erased = any.downcast_mut::<Option<Self>>();
        if let Some(erased) = erased.and_then(Option::take) {
            return erased;
        }
        let Some(executor) = executor else {
            unreachable!("nobody has taken it")
        };
        Self {
            vtable: const { &Vtable::of::<E>() },
            executor: Erased::new(executor),
        }
    }
}

impl AnyExecutor {
    /// Returns the executor, if it is an `E`.
    pub(crate) fn downcast<E: Executor>(&self) -> Option<&E> {
        self.executor.downcast()
    }
}

impl Executor for AnyExecutor {
    fn post(&self, task: Task) {
        // SAFETY: by I1 the vtable fits, here and in all that follow.
        unsafe { (self.vtable.post)(&self.executor, task) };
    }

    fn runs_here(&self) -> bool {
        // SAFETY: as above.
        unsafe { (self.vtable.runs_here)(&self.executor) }
    }

    fn dispatch(&self, task: Task) {
        // SAFETY: as above.
        unsafe { (self.vtable.dispatch)(&self.executor, task) };
    }

    fn defer(&self, task: Task) {
        // SAFETY: as above.
        unsafe { (self.vtable.defer)(&self.executor, task) };
    }

    fn work_started(&self) {
        // SAFETY: as above.
        unsafe { (self.vtable.work_started)(&self.executor) };
    }

    fn work_finished(&self) {
        // SAFETY: as above.
        unsafe { (self.vtable.work_finished)(&self.executor) };
    }

    fn context(&self) -> Option<IoExecutor> {
        // SAFETY: as above.
        unsafe { (self.vtable.context)(&self.executor) }
    }

    fn block(&self, until: &Unblock) {
        // SAFETY: as above.
        unsafe { (self.vtable.block)(&self.executor, until) };
    }
}

impl PartialEq for AnyExecutor {
    fn eq(&self, other: &Self) -> bool {
        (self.vtable.equals)(&self.executor, &other.executor)
    }
}

impl fmt::Debug for AnyExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyExecutor").finish_non_exhaustive()
    }
}

#[cfg(all(test, async_op_unit_tests))]
mod tests;
