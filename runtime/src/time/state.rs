use std::io;
use std::mem;
use std::sync::{Arc, LazyLock};
use std::task::Waker;
use std::time::Instant;

use super::waits::Waits;
use crate::alloc::{Owned, Shared};
use crate::cancel::error::context_gone;
use crate::context::{Due, IoExecutor, Reactor, TimerKey, WakeList};
use crate::shim::plain::{Mutex, MutexGuard};
use crate::task::initiating::OperationId;
use crate::task::parked::{Ended, Parked, Parking};

/// When new timers have expired. No look at the clock, for each is soon set.
static PAST: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What the handles of a timer share.
pub(crate) struct TimerState {
    pub(super) executor: IoExecutor,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub(super) expiry: Instant,
    pub(super) waits: Waits,
    /// From the first wait on.
    reactor: Option<Arc<Reactor>>,
    /// The entry in the reactor, from the first wait on, while that or somebody waits
    /// for it. A cancelled wait leaves it there, for the next one: most timers are set
    /// again and again, and never fire. It is for the expiry or an earlier time, at
    /// which it is put off.
    armed: Option<TimerKey>,
}

impl TimerState {
    pub(super) fn new(executor: IoExecutor) -> Self {
        Self {
            executor,
            inner: Mutex::new(Inner {
                expiry: *PAST,
                waits: Waits::default(),
                reactor: None,
                armed: None,
            }),
        }
    }

    /// Sees to it that new timers have expired by any clock that starts later.
    #[cfg(feature = "test")]
    pub(crate) fn settle() {
        LazyLock::force(&PAST);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Has a leaf wait, unless the time has come.
    pub(crate) fn park(this: &Shared<Self>, leaf: Parked) -> Parking {
        let mut inner = this.lock();
        if inner.is_over(this.executor) {
            return Parking::Over(leaf, Ended::Expired);
        }
        let is_earliest = match inner.arm(this.executor, || Shared::clone(this)) {
            Ok(is_earliest) => is_earliest,
            Err(error) => return Parking::Failed(leaf, error),
        };
        // Nobody gives its place back: it is free when the leaf is taken out.
        let _key = inner.waits.push(leaf.into_waker());
        drop(inner);
        if is_earliest {
            this.executor.interrupt();
        }
        Parking::Parked
    }

    /// Takes out the leaf of an operation, if it waits.
    pub(crate) fn take(&self, operation: OperationId) -> Option<Parked> {
        let waker = self.lock().waits.take_leaf(operation)?;
        Parked::from_waker(waker)
    }

    pub(super) fn set_expiry(&self, expiry: Instant) -> usize {
        let mut inner = self.lock();
        let old = mem::replace(&mut inner.expiry, expiry);
        if expiry < old {
            inner.disarm();
        }
        cancel(inner)
    }

    /// Ends the waits, as `deadline`, whose entry was `key`, has been reached; or puts
    /// the entry off. Where that is to a time before `last`, and so no longer of the
    /// reactor, returns that: then it is to fire again, with the same key.
    pub(crate) fn fire(
        this: Shared<Self>,
        key: TimerKey,
        deadline: Instant,
        last: Option<Instant>,
        reactor: &Reactor,
        wake: &mut WakeList,
    ) -> Option<(Instant, Shared<Self>)> {
        let mut inner = this.lock();
        // It may have been changed since the reactor took the entry.
        if inner.armed != Some(key) {
            return None;
        }
        let expiry = inner.expiry;
        if expiry <= deadline {
            inner.armed = None;
            inner.end_all(Ended::Expired, wake);
        } else if inner.waits.are_over() {
            inner.armed = None;
        } else if Some(expiry) < last {
            drop(inner);
            return Some((expiry, this));
        } else {
            // Even if it is late: others may come before.
            match reactor.add_timer(expiry, Due::Timer(Shared::clone(&this))) {
                Ok((key, _)) => inner.armed = Some(key),
                Err(_) => {
                    inner.armed = None;
                    inner.end_all(Ended::ContextGone, wake);
                }
            }
        }
        None
    }

    /// Ends the waits, as the context is being dropped; the entry was `key`.
    pub(crate) fn shut_down(&self, key: TimerKey, wake: &mut WakeList) {
        let mut inner = self.lock();
        if inner.armed == Some(key) {
            inner.armed = None;
            inner.end_all(Ended::ContextGone, wake);
        }
    }
}

/// Owned by its handles and its waits; the reactor has one handle more.
impl Owned for TimerState {
    /// Takes the entry out of the reactor: nobody waits, and nobody will.
    fn disowned(&self) {
        self.lock().disarm();
    }
}

/// Cancels all waits; returns how many there were.
pub(super) fn cancel(mut inner: MutexGuard<'_, Inner>) -> usize {
    let Some(first) = inner.waits.end_first(Ended::Cancelled) else {
        return 0;
    };
    if !inner.waits.are_over() {
        return cancel_several(inner, first);
    }
    drop(inner);
    first.wake();
    1
}

/// As `cancel`, where the first of several is to be woken.
#[cold]
fn cancel_several(mut inner: MutexGuard<'_, Inner>, first: Waker) -> usize {
    let mut wake = WakeList::default();
    wake.push(first);
    inner.end_all(Ended::Cancelled, &mut wake);
    drop(inner);
    wake.wake_all()
}

impl Inner {
    /// Whether there is nothing to wait for: those who have begun before go first, where
    /// the reactor has not told them yet.
    #[inline]
    pub(super) fn is_over(&self, executor: IoExecutor) -> bool {
        self.expiry <= executor.now() && self.waits.are_over()
    }

    fn end_all(&mut self, outcome: Ended, wake: &mut WakeList) {
        while let Some(waker) = self.waits.end_first(outcome) {
            wake.push(waker);
        }
    }

    /// Has an entry in the reactor; returns whether that is to look again, as it is the
    /// earliest.
    #[inline]
    pub(super) fn arm(
        &mut self,
        executor: IoExecutor,
        timer: impl FnOnce() -> Shared<TimerState>,
    ) -> io::Result<bool> {
        if self.armed.is_some() {
            return Ok(false);
        }
        let reactor = match &mut self.reactor {
            Some(reactor) => reactor,
            none => none.insert(executor.reactor()?),
        };
        let added = reactor.add_timer(self.expiry, Due::Timer(timer()));
        let (key, is_earliest) = added.map_err(|_| context_gone())?;
        self.armed = Some(key);
        Ok(is_earliest)
    }

    fn disarm(&mut self) {
        if let Some(key) = self.armed.take() {
            if let Some(reactor) = &self.reactor {
                reactor.remove_timer(key);
            }
        }
    }
}
