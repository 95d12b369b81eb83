use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::queue::Queue;
use super::wait::{self, Failure, Request, Wait};
use crate::async_op;
use crate::context::{ContextGone, IoExecutor, WakeList};
use crate::executor::{Executor, IoObject};
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;
use crate::shim::plain;

/// A value that one operation at a time may use, for as long as it takes.
///
/// Unlike the standard library's, it is waited for without blocking a thread,
/// and held across `.await` and from one handler to the next. Those who wait get
/// it in the order in which they came. A panic does not poison it.
///
/// A handle: clones are the same mutex, and may be used on any thread.
///
/// ```
/// use async_op::IoContext;
/// use async_op::sync::Mutex;
///
/// let context = IoContext::new()?;
/// let log = Mutex::new(&context, String::new());
/// for word in ["one ", "two"] {
///     log.lock().callback(move |guard| guard.unwrap().push_str(word));
/// }
/// assert_eq!(context.run(), 2);
/// assert_eq!(*log.lock().blocking()?, "one two");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Allocation
///
/// One shared block per mutex, and room for the operations that wait, which is
/// used again.
pub struct Mutex<T, E = IoExecutor> {
    shared: Arc<Shared<T, E>>,
}

struct Shared<T, E> {
    executor: E,
    state: plain::Mutex<State<T>>,
}

struct State<T> {
    /// Where it is not locked. While it is, the guard has it.
    value: Option<T>,
    context_gone: bool,
    queue: Queue<Locking<T>>,
}

enum Locking<T> {
    Waiting,
    Locked(T),
    Failed(Failure),
}

/// The right to use the value of a [`Mutex`]; dropped, it unlocks that.
#[must_use = "dropping a guard unlocks its mutex"]
pub struct MutexGuard<T: Send + 'static, E: Executor = IoExecutor> {
    /// There until the drop.
    value: Option<T>,
    mutex: Mutex<T, E>,
}

impl<T: Send + 'static, E: Executor> Mutex<T, E> {
    /// Makes a mutex; its operations are those of the executor of `on`.
    ///
    /// # Out of memory
    ///
    /// Aborts the process, as [`Arc::new`](std::sync::Arc::new) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Mutex;
    ///
    /// let context = IoContext::new()?;
    /// let mutex = Mutex::new(&context, vec![1, 2]);
    /// mutex.lock().blocking()?.push(3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new<O>(on: &O, value: T) -> Self
    where
        O: IoObject<Executor = E> + ?Sized,
    {
        let state = State {
            value: Some(value),
            context_gone: false,
            queue: Queue::default(),
        };
        let executor = on.executor();
        let shared = Shared {
            executor: executor.clone(),
            state: plain::Mutex::new(state),
        };
        Self {
            shared: wait::new(&executor, shared),
        }
    }

    /// Waits for the value.
    ///
    /// The guard holds the value itself, and moves it back in the end: box one
    /// that is large.
    ///
    /// # Completion
    ///
    /// `fn(io::Result<MutexGuard<T>>)`. Completes at once where nobody has it.
    ///
    /// # Overlap
    ///
    /// Any number of operations may wait; they are served in the order in which
    /// they were started. One that holds the guard and waits for another waits
    /// for ever.
    ///
    /// # Allocation
    ///
    /// None besides the operation's own memory; awaited, none. A mutex keeps the
    /// room for those that have waited at once.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured:
    /// a dropped operation leaves its turn to the next.
    ///
    /// # Errors
    ///
    /// [Cancelled](crate::is_cancelled) by [`cancel`](Self::cancel); one of kind
    /// [`Other`](io::ErrorKind::Other) when the context is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::sync::Mutex;
    /// use async_op::time::Timer;
    ///
    /// # pollster::block_on(async {
    /// let mutex = Mutex::new(&SystemExecutor, 0);
    /// let mut guard = mutex.lock().await?;
    /// Timer::new(&SystemExecutor).wait().await?; // still locked
    /// *guard += 1;
    /// drop(guard);
    /// assert_eq!(*mutex.lock().await?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    #[async_op]
    pub fn async_lock(&self) -> impl Initiation<fn(io::Result<MutexGuard<T, E>>)> {
        static META: Meta = wait::meta("async_lock");
        let mutex = self.clone();
        from_future(&META, self.executor(), async move {
            let value = Wait::new(&mutex.shared.state, Lock(PhantomData)).await?;
            Ok(mutex.guard(value))
        })
    }

    /// Locks the mutex if nobody else has.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Mutex;
    ///
    /// let context = IoContext::new()?;
    /// let mutex = Mutex::new(&context, 0);
    /// let guard = mutex.try_lock();
    /// assert!(guard.is_some() && mutex.try_lock().is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_lock(&self) -> Option<MutexGuard<T, E>> {
        let value = self.shared.state.lock().value.take()?;
        Some(self.guard(value))
    }

    /// Cancels all operations that wait, and returns how many there were.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::sync::Mutex;
    /// use async_op::{IoContext, is_cancelled};
    ///
    /// let context = IoContext::new()?;
    /// let mutex = Mutex::new(&context, 0);
    /// let guard = mutex.try_lock();
    /// mutex.lock().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
    /// assert_eq!(mutex.cancel(), 1);
    /// context.run();
    /// drop(guard);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn cancel(&self) -> usize {
        let mut wake = WakeList::default();
        self.shared
            .state
            .lock()
            .fail_all(Failure::Cancelled, &mut wake)
    }

    fn guard(&self, value: T) -> MutexGuard<T, E> {
        MutexGuard {
            value: Some(value),
            mutex: self.clone(),
        }
    }
}

impl<T, E> Clone for Mutex<T, E> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T, E: Executor> IoObject for Mutex<T, E> {
    type Executor = E;

    fn executor(&self) -> E {
        self.shared.executor.clone()
    }
}

impl<T: Send, E: Executor> ContextGone for Shared<T, E> {
    fn context_gone(&self, wake: &mut WakeList) {
        let mut state = self.state.lock();
        state.context_gone = true;
        state.fail_all(Failure::ContextGone, wake);
    }
}

impl<T, E> fmt::Debug for Mutex<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_locked = self.shared.state.lock().value.is_none();
        f.debug_struct("Mutex")
            .field("is_locked", &is_locked)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static, E: Executor> Deref for MutexGuard<T, E> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is there until the drop")
    }
}

impl<T: Send + 'static, E: Executor> DerefMut for MutexGuard<T, E> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("it is there until the drop")
    }
}

impl<T: Send + 'static, E: Executor> Drop for MutexGuard<T, E> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else {
            return;
        };
        let mut wake = WakeList::default();
        self.mutex.shared.state.lock().unlock(value, &mut wake);
    }
}

impl<T: fmt::Debug + Send + 'static, E: Executor> fmt::Debug for MutexGuard<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> State<T> {
    fn fail_all(&mut self, failure: Failure, wake: &mut WakeList) -> usize {
        let mut count = 0;
        while let Some(entry) = self.queue.pop(wake) {
            *entry = Locking::Failed(failure);
            count += 1;
        }
        count
    }

    /// Passes the value on to the first that waits.
    fn unlock(&mut self, value: T, wake: &mut WakeList) {
        match self.queue.pop(wake) {
            Some(entry) => *entry = Locking::Locked(value),
            None => self.value = Some(value),
        }
    }
}

struct Lock<T>(PhantomData<fn() -> T>);

impl<T> Request for Lock<T> {
    type State = State<T>;
    type Entry = Locking<T>;
    type Output = io::Result<T>;

    fn queue(state: &mut State<T>) -> &mut Queue<Locking<T>> {
        &mut state.queue
    }

    fn start(self, state: &mut State<T>, _: &mut WakeList) -> Result<io::Result<T>, Locking<T>> {
        if state.context_gone {
            return Ok(Err(Failure::ContextGone.into()));
        }
        state.value.take().map(Ok).ok_or(Locking::Waiting)
    }

    fn refuse(self, failure: Failure) -> io::Result<T> {
        Err(failure.into())
    }

    fn finish(entry: Locking<T>) -> io::Result<T> {
        match entry {
            Locking::Locked(value) => Ok(value),
            Locking::Failed(failure) => Err(failure.into()),
            Locking::Waiting => unreachable!("an entry leaves the queue with an outcome"),
        }
    }

    fn give_up(_: Locking<T>, failure: Failure) -> io::Result<T> {
        Err(failure.into())
    }

    fn return_served(
        state: &mut State<T>,
        entry: Locking<T>,
        wake: &mut WakeList,
    ) -> Option<Locking<T>> {
        if let Locking::Locked(value) = entry {
            state.unlock(value, wake);
        }
        None
    }
}
