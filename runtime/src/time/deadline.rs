use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::alloc::{Shared, WakeShared};
use crate::cancel::{CancellationSignal, CancellationSlot, CancellationState, CancellationType};
use crate::context::{Due, IoExecutor, Reactor, TimerKey};
use crate::shim::{Mutex, MutexGuard};

/// Asks one operation to stop when its time has run out, and passes on what
/// others ask of it.
///
/// The owner's handle. What it shares with the reactor and with the slot of
/// the handler is one recycled block, which nobody uses for anything once the
/// operation is over: so the end of the operation need not wait for a wake
/// that is under way elsewhere.
pub(crate) struct Deadline {
    /// Until it has ended.
    shared: Option<Shared<State>>,
}

/// Starts the clock of a [`Deadline`].
pub(crate) struct Clock {
    shared: Shared<State>,
}

struct State {
    signal: CancellationSignal,
    inner: Mutex<Inner>,
}

struct Inner {
    kind: CancellationType,
    progress: Progress,
    /// What others can ask of the operation, once that has begun.
    outer: CancellationState,
    /// The operation has not begun, and then there is something to be asked.
    is_awaited: bool,
    passed_on: CancellationType,
}

/// What gets no memory, where there is none.
const LIMIT: &str = "cancel_after";

/// What is left to be taken out of the reactor.
type Entry = (TimerKey, Arc<Reactor>);

enum Progress {
    /// The operation is being started.
    Starting,
    /// No entry where the context is gone.
    Running(Instant, Option<Entry>),
    /// The time has run out, and nobody had asked for as much before.
    Expired,
    /// The operation is over, or has been asked to stop.
    Over,
}

impl Deadline {
    /// Makes a deadline that will ask for `kind`, and its clock, which does not
    /// run yet. Whatever reaches `outer` is passed on.
    ///
    /// `outer` serves whom it serves until the operation begins: one that gets no
    /// memory never does.
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    pub(crate) fn new(kind: CancellationType, outer: CancellationSlot) -> (Self, Clock) {
        let is_awaited = outer.is_connected();
        let state = State {
            signal: CancellationSignal::for_use_in(LIMIT),
            inner: Mutex::new(Inner {
                kind,
                progress: Progress::Starting,
                outer: CancellationState::default(),
                is_awaited,
                passed_on: CancellationType::default(),
            }),
        };
        let shared: Shared<_> = Shared::new(state, LIMIT);
        if is_awaited {
            let limited = shared.clone();
            shared.signal.on_begin(move || begin(&limited, outer));
        }
        let clock = Clock {
            shared: shared.clone(),
        };
        let shared = Some(shared);
        (Self { shared }, clock)
    }

    /// Returns the slot of the operation.
    pub(crate) fn slot(&self) -> CancellationSlot {
        match &self.shared {
            Some(shared) => shared.signal.slot(),
            None => CancellationSlot::unconnected(),
        }
    }

    /// Ends it with the operation; returns whether the time had run out.
    pub(crate) fn end(&mut self) -> bool {
        let Some(shared) = self.shared.take() else {
            return false;
        };
        let mut inner = shared.lock();
        let progress = std::mem::replace(&mut inner.progress, Progress::Over);
        let outer = std::mem::take(&mut inner.outer);
        let is_awaited = std::mem::take(&mut inner.is_awaited);
        drop(inner);
        if is_awaited {
            // What was to be called keeps the signal.
            shared.signal.close();
        }
        let _foreign = outer.end();
        match progress {
            Progress::Running(_, Some((key, reactor))) => {
                reactor.remove_timer(key);
                false
            }
            Progress::Expired => true,
            Progress::Running(_, None) | Progress::Starting | Progress::Over => false,
        }
    }
}

/// Makes `outer` serve the operation, which begins.
fn begin(shared: &Shared<State>, outer: CancellationSlot) {
    if !std::mem::take(&mut shared.lock().is_awaited) {
        return;
    }
    let outer = CancellationState::begin(outer, CancellationType::ALL);
    shared.lock().outer = outer.clone();
    outer.set_waker(&shared.waker());
    // A group may have asked before, and anybody in between.
    shared.wake();
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.end();
    }
}

impl Clock {
    /// Starts the clock, once the operation has started: until it serves its
    /// slot it cannot be asked.
    pub(crate) fn start(self, timers: &IoExecutor, expiry: Instant) {
        let mut is_earliest = false;
        self.start_with(expiry, |waker| {
            // A context that is gone has ended the operation, or will.
            let reactor = timers.reactor().ok()?;
            let (key, earliest) = reactor.add_timer(expiry, Due::Waker(waker)).ok()?;
            is_earliest = earliest;
            Some((key, reactor))
        });
        if is_earliest {
            timers.interrupt();
        }
    }

    /// As `start`, with what it needs of a context: to have something woken at the
    /// expiry. That is called under the lock.
    fn start_with(self, expiry: Instant, at_expiry: impl FnOnce(Waker) -> Option<Entry>) {
        let Self { shared } = self;
        let waker = shared.waker();
        let mut inner = shared.lock();
        if !matches!(inner.progress, Progress::Starting) {
            return;
        }
        inner.progress = Progress::Running(expiry, at_expiry(waker));
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

impl Inner {
    /// Returns what has been asked and not passed on.
    fn news(&self) -> CancellationType {
        self.outer.requested().without(self.passed_on)
    }
}

impl WakeShared for State {
    /// The time has run out, or the operation has been asked to stop.
    fn wake(&self) {
        let mut inner = self.lock();
        let mut news = inner.news();
        let mut has_expired = false;
        if let Progress::Running(expiry, ref entry) = inner.progress {
            let reactor = entry.as_ref().map(|(_, reactor)| &**reactor);
            if expiry <= reactor.map_or_else(Instant::now, Reactor::now) {
                // Who asks first is what the operation stopped for.
                let is_first = !(news | inner.passed_on).contains(inner.kind);
                news = (news | inner.kind).without(inner.passed_on);
                has_expired = is_first;
                inner.progress = match is_first {
                    true => Progress::Expired,
                    false => Progress::Over,
                };
            }
        }
        inner.passed_on = inner.passed_on | news;
        drop(inner);
        if !news.is_empty() && !self.signal.request(news) && has_expired {
            // It was over, in whatever way, and merely waits for its handler to be called.
            self.lock().progress = Progress::Over;
        }
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
