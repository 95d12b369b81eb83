use std::fmt;
use std::io;
use std::sync::Arc;

use super::queue::Queue;
use super::wait::{self, Failure, Request, Wait};
use crate::async_op;
use crate::context::{ContextGone, IoExecutor, WakeList};
use crate::executor::{Executor, IoObject};
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;
use crate::shim::plain::Mutex;

/// A number of permits, which operations acquire and give back.
///
/// It limits how many do something at once. Those who wait are served in the
/// order in which they came: one that asks for many is not overtaken by others
/// that ask for few.
///
/// A handle: clones are the same semaphore, and may be used on any thread.
///
/// ```
/// use async_op::IoContext;
/// use async_op::sync::Semaphore;
///
/// let context = IoContext::new()?;
/// let connections = Semaphore::new(&context, 2);
/// for n in 0..10 {
///     connections.acquire().callback(move |permit| {
///         let _permit = permit.unwrap();
///         println!("connection {n}, one of two at a time");
///     });
/// }
/// assert_eq!(context.run(), 10);
/// assert_eq!(connections.available(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Allocation
///
/// One shared block per semaphore, and room for the operations that wait, which
/// is used again.
pub struct Semaphore<E = IoExecutor> {
    shared: Arc<Shared<E>>,
}

struct Shared<E> {
    executor: E,
    state: Mutex<State>,
}

struct State {
    available: usize,
    /// Why there is nothing more to wait for.
    closed: Option<Failure>,
    queue: Queue<Acquiring>,
}

struct Acquiring {
    count: usize,
    outcome: Option<Result<(), Failure>>,
}

/// Permits of a [`Semaphore`]; dropped, they are given back.
#[must_use = "dropping a permit gives it back"]
pub struct Permit<E: Executor = IoExecutor> {
    semaphore: Semaphore<E>,
    count: usize,
}

impl<E: Executor> Semaphore<E> {
    /// Makes a semaphore; its operations are those of the executor of `on`.
    ///
    /// # Out of memory
    ///
    /// Aborts the process, as [`Arc::new`](std::sync::Arc::new) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 10);
    /// assert_eq!(semaphore.available(), 10);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new<O>(on: &O, permits: usize) -> Self
    where
        O: IoObject<Executor = E> + ?Sized,
    {
        let state = State {
            available: permits,
            closed: None,
            queue: Queue::default(),
        };
        let executor = on.executor();
        let shared = Shared {
            executor: executor.clone(),
            state: Mutex::new(state),
        };
        Self {
            shared: wait::new(&executor, shared),
        }
    }

    /// Waits for a permit.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<Permit>)`. Completes at once where one is available and
    /// nobody waits.
    ///
    /// # Overlap
    ///
    /// Any number of operations may wait; they are served in the order in which
    /// they were started.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none. A semaphore keeps the
    /// room for those that have waited at once.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// a dropped operation leaves its turn, or its permit, to the next.
    ///
    /// # Errors
    ///
    /// Of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the semaphore is
    /// closed; [cancelled](crate::is_cancelled) by [`cancel`](Self::cancel); of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 1);
    /// let permit = semaphore.acquire().blocking()?;
    /// assert_eq!(semaphore.available(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.available(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_acquire(&self) -> impl Initiation<fn(io::Result<Permit<E>>)> {
        static META: Meta = wait::meta("async_acquire");
        let semaphore = self.clone();
        from_future(&META, self.executor(), async move {
            semaphore.wait_for(1).await
        })
    }

    /// Waits for `count` permits at once.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<Permit>)`, one that stands for all. Completes at once where
    /// so many are available and nobody waits.
    ///
    /// # Overlap
    ///
    /// Any number of operations may wait; they are served in the order in which
    /// they were started, also those that ask for less than the first.
    ///
    /// # Allocation
    ///
    /// As for [`async_acquire`](Self::async_acquire).
    ///
    /// # Cancel safety
    ///
    /// Yes, as for [`async_acquire`](Self::async_acquire).
    ///
    /// # Errors
    ///
    /// As for [`async_acquire`](Self::async_acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let bytes = Semaphore::new(&context, 1 << 20);
    /// let permit = bytes.acquire_many(4096).blocking()?;
    /// assert_eq!(permit.count(), 4096);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[async_op]
    pub fn async_acquire_many(&self, count: usize) -> impl Initiation<fn(io::Result<Permit<E>>)> {
        static META: Meta = wait::meta("async_acquire_many");
        let semaphore = self.clone();
        from_future(&META, self.executor(), async move {
            semaphore.wait_for(count).await
        })
    }

    async fn wait_for(&self, count: usize) -> io::Result<Permit<E>> {
        Wait::new(&self.shared.state, Acquire(count)).await?;
        Ok(self.permit(count))
    }

    /// Acquires `count` permits if they are available and nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 2);
    /// let permit = semaphore.try_acquire(2);
    /// assert!(permit.is_some() && semaphore.try_acquire(1).is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_acquire(&self, count: usize) -> Option<Permit<E>> {
        let mut wake = WakeList::default();
        let served = Acquire(count).start(&mut self.shared.state.lock(), &mut wake);
        matches!(served, Ok(Ok(()))).then(|| self.permit(count))
    }

    /// Adds `count` permits.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 0);
    /// semaphore.acquire().callback(|permit| permit.unwrap().forget());
    /// semaphore.add(1);
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn add(&self, count: usize) {
        let mut wake = WakeList::default();
        self.shared.state.lock().release(count, &mut wake);
    }

    /// Returns how many permits are available.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 3);
    /// let _permit = semaphore.try_acquire(2);
    /// assert_eq!(semaphore.available(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn available(&self) -> usize {
        self.shared.state.lock().available
    }

    /// Makes all who wait, and all who come later, fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 0);
    /// semaphore.acquire().callback(|result| assert!(result.is_err()));
    /// semaphore.close();
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) {
        let mut wake = WakeList::default();
        let mut state = self.shared.state.lock();
        state.closed.get_or_insert(Failure::Closed);
        state.fail_all(Failure::Closed, &mut wake);
    }

    /// Cancels all operations that wait, and returns how many there were.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::sync::Semaphore;
    /// use async_op::{IoContext, is_cancelled};
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 0);
    /// semaphore.acquire().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// assert_eq!(semaphore.cancel(), 1);
    /// context.run();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel(&self) -> usize {
        let mut wake = WakeList::default();
        self.shared
            .state
            .lock()
            .fail_all(Failure::Cancelled, &mut wake)
    }

    fn permit(&self, count: usize) -> Permit<E> {
        Permit {
            semaphore: self.clone(),
            count,
        }
    }
}

impl<E> Clone for Semaphore<E> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<E: Executor> IoObject for Semaphore<E> {
    type Executor = E;

    fn executor(&self) -> E {
        self.shared.executor.clone()
    }
}

impl<E: Executor> ContextGone for Shared<E> {
    fn context_gone(&self, wake: &mut WakeList) {
        let mut state = self.state.lock();
        state.closed = Some(Failure::ContextGone);
        state.fail_all(Failure::ContextGone, wake);
    }
}

impl<E> fmt::Debug for Semaphore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.shared.state.lock().available)
            .finish_non_exhaustive()
    }
}

impl<E: Executor> Permit<E> {
    /// Returns how many permits this stands for.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 5);
    /// assert_eq!(semaphore.try_acquire(2).unwrap().count(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes the permits out of the semaphore for good.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Semaphore;
    ///
    /// let context = IoContext::new()?;
    /// let semaphore = Semaphore::new(&context, 5);
    /// semaphore.try_acquire(2).unwrap().forget();
    /// assert_eq!(semaphore.available(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl<E: Executor> Drop for Permit<E> {
    fn drop(&mut self) {
        self.semaphore.add(self.count);
    }
}

impl<E: Executor> fmt::Debug for Permit<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl State {
    fn release(&mut self, count: usize, wake: &mut WakeList) {
        // Nobody acquires so many.
        self.available = self.available.saturating_add(count);
        self.serve(wake);
    }

    /// Serves those who are next in turn, as far as the permits go.
    fn serve(&mut self, wake: &mut WakeList) {
        while let Some(first) = self.queue.first() {
            if first.count > self.available {
                break;
            }
            let Some(entry) = self.queue.pop(wake) else {
                break;
            };
            self.available -= entry.count;
            entry.outcome = Some(Ok(()));
        }
    }

    fn fail_all(&mut self, failure: Failure, wake: &mut WakeList) -> usize {
        let mut failed = 0;
        while let Some(entry) = self.queue.pop(wake) {
            entry.outcome = Some(Err(failure));
            failed += 1;
        }
        failed
    }
}

struct Acquire(usize);

impl Request for Acquire {
    type State = State;
    type Entry = Acquiring;
    type Output = io::Result<()>;

    fn queue(state: &mut State) -> &mut Queue<Acquiring> {
        &mut state.queue
    }

    fn start(self, state: &mut State, _: &mut WakeList) -> Result<io::Result<()>, Acquiring> {
        let Self(count) = self;
        if let Some(failure) = state.closed {
            Ok(Err(failure.into()))
        } else if state.queue.first().is_none() && count <= state.available {
            state.available -= count;
            Ok(Ok(()))
        } else {
            Err(Acquiring {
                count,
                outcome: None,
            })
        }
    }

    fn refuse(self, failure: Failure) -> io::Result<()> {
        Err(failure.into())
    }

    fn finish(entry: Acquiring) -> io::Result<()> {
        let outcome = entry.outcome;
        Ok(outcome.expect("an entry leaves the queue with an outcome")?)
    }

    fn give_up(_: Acquiring, failure: Failure) -> io::Result<()> {
        Err(failure.into())
    }

    fn left(state: &mut State, wake: &mut WakeList) {
        // It may have stood in the way of others that ask for less.
        state.serve(wake);
    }

    fn return_served(
        state: &mut State,
        entry: Acquiring,
        wake: &mut WakeList,
    ) -> Option<Acquiring> {
        if let Some(Ok(())) = entry.outcome {
            state.release(entry.count, wake);
        }
        None
    }
}
