use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use crate::shim::{AtomicBool, Mutex, Ordering, park, thread_local};

thread_local! {
    // One is kept per thread, so that a blocking call does not allocate.
    static SPARE: Cell<Option<Arc<Inner>>> = const { Cell::new(None) };
}

/// So often a future may wake itself before others have their turn.
const RESTLESS: u32 = 16;

struct Inner {
    set: AtomicBool,
    thread: Thread,
    also: Mutex<Option<Waker>>,
    /// The thread is to drive its context itself.
    leads: AtomicBool,
}

/// What a blocked thread waits for: set by the operation it waits on.
///
/// An executor sees one in [`Executor::block`](crate::Executor::block). It
/// returns from there once [`is_set`](Self::is_set); to be woken from a wait of
/// its own it gives a waker to [`also_wake`](Self::also_wake) first.
pub struct Unblock {
    inner: Arc<Inner>,
    /// How many waits on end were over before they began.
    early: Cell<u32>,
    // Bound to the thread that made it, which is the one that parks.
    _not_send: PhantomData<*const ()>,
}

impl Unblock {
    pub(crate) fn new() -> Self {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let inner = spare.unwrap_or_else(|| {
            Arc::new(Inner {
                set: AtomicBool::new(false),
                thread: thread::current(),
                also: Mutex::new(None),
                leads: AtomicBool::new(false),
            })
        });
        Self {
            inner,
            early: Cell::new(0),
            _not_send: PhantomData,
        }
    }

    /// Returns the waker that sets this.
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.inner))
    }

    /// Readies this for the next wait.
    pub(crate) fn reset(&self) {
        // Acquire, and not a plain store: a wake since the end of the last wait
        // is overwritten here, so the poll that follows has to see what was
        // there to see.
        self.inner.set.swap(false, Ordering::Acquire);
    }

    /// Returns whether the wait is over.
    ///
    /// ```
    /// use async_op::executor::{Unblock, post_call};
    /// use async_op::task::Task;
    /// use async_op::{Blocking, Executor};
    /// use std::collections::VecDeque;
    /// use std::sync::{Arc, Mutex};
    ///
    /// /// Has one thread, which runs its tasks while it waits.
    /// #[derive(Clone)]
    /// struct Alone(Arc<Mutex<VecDeque<Task>>>);
    ///
    /// # impl PartialEq for Alone {
    /// #     fn eq(&self, _: &Self) -> bool { true }
    /// # }
    /// impl Executor for Alone {
    ///     fn post(&self, task: Task) {
    ///         self.0.lock().unwrap().push_back(task);
    ///     }
    ///
    ///     fn block(&self, until: &Unblock) {
    ///         while !until.is_set() {
    ///             let task = self.0.lock().unwrap().pop_front();
    ///             task.expect("one that ends the wait").run();
    ///         }
    ///     }
    /// }
    ///
    /// let alone = Alone(Arc::default());
    /// assert_eq!(post_call(&alone, || 7, Blocking), 7);
    /// ```
    pub fn is_set(&self) -> bool {
        self.inner.set.load(Ordering::Acquire)
    }

    /// Takes note whether the wait was over before it began; returns whether that
    /// happens again and again: a future that wakes itself.
    pub(crate) fn is_restless(&self, early: bool) -> bool {
        let count = if early { self.early.get() + 1 } else { 0 };
        self.early.set(count % RESTLESS);
        count == RESTLESS
    }

    /// Parks the thread until the wait is over.
    ///
    /// ```
    /// use async_op::executor::{Unblock, post_call};
    /// use async_op::task::Task;
    /// use async_op::{Blocking, Executor};
    /// use std::sync::mpsc;
    ///
    /// #[derive(Clone)]
    /// struct Worker(mpsc::Sender<Task>);
    ///
    /// # impl PartialEq for Worker {
    /// #     fn eq(&self, _: &Self) -> bool { true }
    /// # }
    /// impl Executor for Worker {
    ///     fn post(&self, task: Task) {
    ///         let _ = self.0.send(task);
    ///     }
    ///
    ///     fn block(&self, until: &Unblock) {
    ///         until.park(); // as by default
    ///     }
    /// }
    ///
    /// let (sender, tasks) = mpsc::channel::<Task>();
    /// std::thread::spawn(move || tasks.into_iter().for_each(Task::run));
    /// assert_eq!(post_call(&Worker(sender), || 7, Blocking), 7);
    /// ```
    pub fn park(&self) {
        while !self.is_set() {
            park();
        }
    }

    /// Returns a handle by which the thread is told to drive its context itself.
    pub(crate) fn follow(&self) -> Follower {
        self.inner.leads.store(false, Ordering::Relaxed);
        Follower(Arc::clone(&self.inner))
    }

    /// Parks the thread until the wait is over, or it is to lead.
    pub(crate) fn park_as(&self, follower: &Follower) {
        while !self.is_set() && !follower.0.leads.load(Ordering::Acquire) {
            park();
        }
    }

    /// Wakes `waker` too when the wait is over, in place of the previous one.
    ///
    /// Check [`is_set`](Self::is_set) afterwards: a wait that was over before
    /// this call wakes nobody.
    ///
    /// ```
    /// use async_op::executor::{Unblock, post_call};
    /// use async_op::task::Task;
    /// use async_op::{Blocking, Executor};
    /// use std::sync::mpsc;
    /// use std::task::Poll;
    ///
    /// #[derive(Clone)]
    /// struct Worker(mpsc::Sender<Task>);
    ///
    /// # impl PartialEq for Worker {
    /// #     fn eq(&self, _: &Self) -> bool { true }
    /// # }
    /// impl Executor for Worker {
    ///     fn post(&self, task: Task) {
    ///         let _ = self.0.send(task);
    ///     }
    ///
    ///     fn block(&self, until: &Unblock) {
    ///         // As a runtime that has a `block_on` of its own.
    ///         pollster::block_on(std::future::poll_fn(|cx| {
    ///             until.also_wake(Some(cx.waker().clone()));
    ///             if until.is_set() { Poll::Ready(()) } else { Poll::Pending }
    ///         }));
    ///     }
    /// }
    ///
    /// let (sender, tasks) = mpsc::channel::<Task>();
    /// std::thread::spawn(move || tasks.into_iter().for_each(Task::run));
    /// assert_eq!(post_call(&Worker(sender), || 7, Blocking), 7);
    /// ```
    pub fn also_wake(&self, waker: Option<Waker>) {
        let mut also = self.inner.also.lock();
        let previous = std::mem::replace(&mut *also, waker);
        drop(also);
        drop(previous);
    }
}

impl Drop for Unblock {
    fn drop(&mut self) {
        self.also_wake(None);
        // A waker that is still about, as on the thread that has just woken this
        // one, may set the flag of the next wait: that polls once for nothing.
        self.reset();
        let inner = Arc::clone(&self.inner);
        // Nothing to keep it in while the thread ends.
        let _ = SPARE.try_with(|spare| spare.set(Some(inner)));
    }
}

/// A blocked thread whose context another one drives.
#[derive(Clone)]
pub(crate) struct Follower(Arc<Inner>);

impl Follower {
    /// Returns whether the wait of the thread is over.
    pub(crate) fn is_set(&self) -> bool {
        self.0.set.load(Ordering::Acquire)
    }

    /// Has the thread drive the context, if it still waits.
    pub(crate) fn lead(self) {
        self.0.leads.store(true, Ordering::Release);
        self.0.thread.unpark();
    }
}

impl PartialEq for Follower {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Unblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblock")
            .field("is_set", &self.is_set())
            .finish()
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // An exchange: what came before each of several wakes is published.
        self.set.swap(true, Ordering::Release);
        self.thread.unpark();
        let also = self.also.lock();
        // Cloned out: a waker is foreign code and may block or come back here.
        let waker = also.clone();
        drop(also);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
