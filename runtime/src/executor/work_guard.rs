use std::fmt;

use super::{Executor, is_same};

/// Keeps an executor's event loop running: while one exists, `run` does not
/// return for want of work.
///
/// ```
/// use async_op::IoContext;
/// use async_op::executor::WorkGuard;
///
/// let context = IoContext::new()?;
/// let guard = WorkGuard::new(context.executor());
/// let thread = std::thread::scope(|scope| {
///     let running = scope.spawn(|| context.run());
///     drop(guard); // without this, `run` would never return
///     running.join().unwrap()
/// });
/// assert_eq!(thread, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "executor_work_guard")]
#[doc(alias = "make_work_guard")]
#[must_use = "dropping a work guard at once lets `run` return"]
pub struct WorkGuard<E: Executor> {
    // `None` once reset.
    executor: Option<E>,
}

impl<E: Executor> WorkGuard<E> {
    /// Counts one unit of work on `executor` until dropped or reset.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::executor::WorkGuard;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let guard = WorkGuard::new(context.executor());
    /// context.run_for(Duration::from_millis(1)); // would return at once
    /// assert!(!context.stopped());
    /// # drop(guard);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(executor: E) -> Self {
        executor.work_started();
        Self {
            executor: Some(executor),
        }
    }

    /// Gives the work back early. Idempotent.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::executor::WorkGuard;
    ///
    /// let context = IoContext::new()?;
    /// let mut guard = WorkGuard::new(context.executor());
    /// guard.reset();
    /// assert_eq!(context.run(), 0); // it returns, as there is nothing to do
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reset(&mut self) {
        if let Some(executor) = self.executor.take() {
            executor.work_finished();
        }
    }

    /// Counts one unit of work on the executor of a handler, and one on that of the
    /// I/O object. Where they are the same, the first is enough: it is held for
    /// longer.
    #[inline(always)]
    pub(crate) fn of_both<X: Executor>(own: X, io: E) -> (WorkGuard<X>, Self) {
        let is_same = is_same(&io, &own);
        let work = WorkGuard::new(own);
        let io_work = if is_same { Self::none() } else { Self::new(io) };
        (work, io_work)
    }

    /// A guard that owns no work.
    pub(crate) const fn none() -> Self {
        Self { executor: None }
    }

    /// Gives the work back where this thread runs the context that counts it: a
    /// runner keeps that going by itself, and one that is called inside a handler
    /// would wait for the handler's own operation.
    #[inline]
    pub(crate) fn reset_on_runner(&mut self) {
        // Taken out first: where that panics, it is not given back twice.
        if let Some(executor) = self.executor.take() {
            if !executor.work_finished_on_runner() {
                self.executor = Some(executor);
            }
        }
    }

    /// Moves the work into a guard of its own.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            executor: self.executor.take(),
        }
    }

    /// Returns whether this guard still holds work.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::executor::WorkGuard;
    ///
    /// let context = IoContext::new()?;
    /// let mut guard = WorkGuard::new(context.executor());
    /// assert!(guard.owns_work());
    /// guard.reset();
    /// assert!(!guard.owns_work());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn owns_work(&self) -> bool {
        self.executor.is_some()
    }

    /// Returns the executor, unless the guard has been reset.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::executor::WorkGuard;
    ///
    /// let context = IoContext::new()?;
    /// let guard = WorkGuard::new(context.executor());
    /// assert!(guard.executor() == Some(&context.executor()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn executor(&self) -> Option<&E> {
        self.executor.as_ref()
    }
}

impl<E: Executor> Clone for WorkGuard<E> {
    /// Counts one more unit of work, if this guard owns one.
    fn clone(&self) -> Self {
        match &self.executor {
            Some(executor) => Self::new(executor.clone()),
            None => Self { executor: None },
        }
    }
}

impl<E: Executor> Drop for WorkGuard<E> {
    fn drop(&mut self) {
        self.reset();
    }
}

impl<E: Executor> fmt::Debug for WorkGuard<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkGuard")
            .field("owns_work", &self.owns_work())
            .finish()
    }
}
