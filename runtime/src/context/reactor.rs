use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
#[cfg(feature = "test")]
use std::time::SystemTime;
use std::time::{Duration, Instant};

#[cfg(feature = "net")]
use mio::{Token, event::Source};

use super::bounds::Timeout;
use super::clock::Clock;
#[cfg(feature = "test")]
use super::clock::Simulation;
use super::timers::{Expired, Timers};
use super::{Brought, Selector, TimerKey, Waiting, WakeList};
#[cfg(feature = "net")]
use super::{Registration, SharedRegistration};
use crate::alloc::Shared;
use crate::cancel::error::context_gone;
use crate::shim::plain::Mutex;
use crate::task::parked::{Ended, Parked};
use crate::time::TimerState;

/// How many timers fire before others have their turn: events, and tasks that have been
/// posted.
const BATCH: usize = 128;
/// The system counts milliseconds in 32 bits; a longer wait is made of several.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits for the system's events and for timers.
///
/// It only takes notes, and collects wakers and leaves; the system calls of I/O are made
/// by the operations themselves.
pub(crate) struct Reactor {
    selector: Selector,
    clock: Clock,
    /// Locked by the one thread that waits.
    wait: Mutex<WaitState>,
    deadlines: Mutex<Deadlines>,
    objects: Mutex<Objects>,
    /// How many entries there are in `deadlines`: zero, and nobody need look. Written with
    /// the lock held.
    timers: AtomicUsize,
}

struct WaitState {
    waiting: Waiting,
    /// Deadlines that have been reached. Empty between two waits.
    batch: VecDeque<Expired<Due>>,
}

#[derive(Default)]
struct Deadlines {
    timers: Timers<Due>,
    context_gone: bool,
}

/// What a deadline is for.
pub(crate) enum Due {
    Timer(Shared<TimerState>),
    /// To be woken, or a leaf to be ended.
    Waker(Waker),
}

impl Due {
    /// Returns the leaf that it is for, if it is for one.
    pub(crate) fn into_leaf(self) -> Option<Parked> {
        match self {
            Self::Timer(_) => None,
            Self::Waker(waker) => Parked::from_waker(waker),
        }
    }
}

/// What has become of a deadline that was to be renewed.
pub(crate) enum Renewal {
    /// It has not been reached. With what it was for, if that is another now.
    Waits(Option<Due>),
    Fired,
    ContextGone,
}

/// Something that operations wait for which neither the system nor a timer
/// brings about.
pub(crate) trait ContextGone: Send + Sync {
    /// Fails all that wait, now and from now on.
    fn context_gone(&self, wake: &mut WakeList);
}

#[derive(Default)]
struct Objects {
    list: Vec<Weak<dyn ContextGone>>,
    context_gone: bool,
}

impl Reactor {
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        let (selector, waiting) = Selector::new()?;
        Ok(Self {
            selector,
            clock,
            wait: Mutex::new(WaitState {
                waiting,
                batch: VecDeque::new(),
            }),
            deadlines: Mutex::default(),
            objects: Mutex::default(),
            timers: AtomicUsize::new(0),
        })
    }

    /// Returns what time it is for its operations.
    #[inline(always)]
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Returns what the clock on their wall shows.
    #[cfg(feature = "test")]
    pub(super) fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    /// Returns what is not left to the system, in a context of a test.
    #[cfg(feature = "test")]
    pub(super) fn simulation(&self) -> Option<&Simulation> {
        self.clock.simulation.as_deref()
    }

    /// Returns when the earliest timer expires.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // Whoever adds one that is the earliest interrupts the wait afterwards: it takes the
        // lock of the scheduler, and whoever waits notes that it sleeps, before each wait.
        match self.has_timers() {
            false => None,
            true => self.deadlines.lock().timers.earliest(),
        }
    }

    /// Returns whether there is anything to wait for.
    pub(super) fn has_interest(&self) -> bool {
        self.selector.has_sources() || self.has_timers()
    }

    /// Ends the wait that is under way, or the next one.
    pub(super) fn interrupt(&self) {
        self.selector.interrupt();
    }

    /// Waits; who waited for what became ready goes to `brought`. Returns whether these are
    /// all events that there were.
    #[inline(always)]
    pub(super) fn wait(&self, timeout: Timeout, brought: &mut Brought) -> bool {
        #[cfg(async_op_loom)]
        self.selector.wait_modelled(timeout);
        let mut state = self.wait.lock();
        let WaitState { waiting, batch } = &mut *state;
        #[cfg(feature = "test")]
        let (is_asleep, mut patient_until) = (timeout != Timeout::Zero, None);
        let timeout = match timeout {
            Timeout::Zero => Some(Duration::ZERO),
            // A clock that stands still jumps, once there is nothing else.
            #[cfg(feature = "test")]
            Timeout::Until(_) if self.may_jump() => Some(Duration::ZERO),
            #[cfg(feature = "test")]
            Timeout::Until(None) if self.simulation().is_some() => {
                let patience = self.simulation().map(Simulation::patience);
                patient_until = patience.map(|patience| Instant::now() + patience);
                patience
            }
            Timeout::Until(None) if !self.has_timers() => None,
            Timeout::Until(deadline) => self.timeout(deadline, waiting),
        };
        let events = self.selector.wait(waiting, timeout, brought);
        #[cfg(feature = "test")]
        if is_asleep && !events.are_any {
            self.jump(patient_until);
        }
        if self.has_timers() {
            self.expire(batch, &mut brought.wake);
        }
        events.are_all
    }

    /// Whether time passes by a jump to a timer.
    #[cfg(feature = "test")]
    fn may_jump(&self) -> bool {
        self.simulation().is_some() && self.has_timers()
    }

    /// Lets the time pass until the earliest timer, in a context of a test; notes where there
    /// is none, and nothing has come in all the time that the system was given.
    #[cfg(feature = "test")]
    fn jump(&self, patient_until: Option<Instant>) {
        let Some(simulation) = self.simulation() else {
            return;
        };
        match self.deadline() {
            Some(deadline) => simulation.pass_until(deadline),
            None if patient_until.is_some_and(|end| end <= Instant::now()) => {
                simulation.note_hang();
            }
            None => {}
        }
    }

    /// Returns whether the system may bring something about.
    #[cfg(feature = "test")]
    pub(crate) fn has_sources(&self) -> bool {
        self.selector.has_sources()
    }

    /// Returns how long to wait, no longer than until `deadline` and until there is a timer
    /// to fire.
    #[inline(never)]
    fn timeout(&self, deadline: Option<Instant>, waiting: &mut Waiting) -> Option<Duration> {
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let other = self
            .deadline()
            .and_then(|deadline| waiting.end_at(deadline));
        let timeouts = timeout.into_iter().chain(other);
        timeouts.min().map(|timeout| timeout.min(LONGEST_WAIT))
    }

    #[inline]
    fn has_timers(&self) -> bool {
        self.timers.load(Ordering::Relaxed) != 0
    }

    /// Fires timers that are due: no more than a batch, but until there is somebody to
    /// wake, if there is anybody.
    #[inline(never)]
    fn expire(&self, batch: &mut VecDeque<Expired<Due>>, wake: &mut WakeList) {
        while self.has_timers() {
            // Once and for all.
            batch.reserve(BATCH);
            let mut deadlines = self.deadlines.lock();
            deadlines.timers.take_due(self.now(), BATCH, batch);
            self.count_timers(&deadlines);
            drop(deadlines);
            if batch.is_empty() {
                return;
            }
            self.fire(batch, wake);
            if !wake.is_empty() {
                return;
            }
        }
    }

    // A timer's own lock comes first wherever both are held: so not under that of the
    // deadlines.
    fn fire(&self, batch: &mut VecDeque<Expired<Due>>, wake: &mut WakeList) {
        let last = batch.back().map(|expired| expired.deadline);
        while let Some(Expired {
            key,
            deadline,
            owner,
        }) = batch.pop_front()
        {
            let timer = match owner {
                Due::Timer(timer) => timer,
                Due::Waker(waker) => {
                    Parked::note(&waker, Ended::Expired);
                    wake.push(waker);
                    continue;
                }
            };
            let put_off = TimerState::fire(timer, key, deadline, last, self, wake);
            if let Some((deadline, timer)) = put_off {
                // In its turn, before the rest of the batch.
                let place = batch.partition_point(|other| other.deadline <= deadline);
                let owner = Due::Timer(timer);
                batch.insert(
                    place,
                    Expired {
                        key,
                        deadline,
                        owner,
                    },
                );
            }
        }
    }

    /// Adds a deadline; says whether the waiting thread should look again. Returns what it
    /// was for where the context is gone.
    pub(crate) fn add_timer(&self, deadline: Instant, due: Due) -> Result<(TimerKey, bool), Due> {
        let mut deadlines = self.deadlines.lock();
        if deadlines.context_gone {
            return Err(due);
        }
        let added = deadlines.timers.insert(deadline, due);
        self.count_timers(&deadlines);
        Ok(added)
    }

    /// Takes a deadline back, if it has not been reached.
    pub(crate) fn remove_timer(&self, key: TimerKey) -> Option<Due> {
        let mut deadlines = self.deadlines.lock();
        let removed = deadlines.timers.remove(key);
        self.count_timers(&deadlines);
        removed
    }

    /// Puts `next`, if there is one, in place of what a deadline is for.
    pub(crate) fn renew_timer(&self, key: TimerKey, next: Option<Due>) -> Renewal {
        let Deadlines {
            timers,
            context_gone,
        } = &mut *self.deadlines.lock();
        match timers.get_mut(key) {
            Some(due) => Renewal::Waits(next.map(|next| mem::replace(due, next))),
            None if *context_gone => Renewal::ContextGone,
            None => Renewal::Fired,
        }
    }

    /// Returns how many entries there are.
    #[cfg(all(test, async_op_unit_tests))]
    pub(crate) fn timers(&self) -> usize {
        self.timers.load(Ordering::Relaxed)
    }

    fn count_timers(&self, deadlines: &Deadlines) {
        self.timers.store(deadlines.timers.len(), Ordering::Relaxed);
    }

    /// Has `object` told when the context is dropped.
    pub(crate) fn add_object(&self, object: Weak<dyn ContextGone>) -> io::Result<()> {
        let mut objects = self.objects.lock();
        if objects.context_gone {
            return Err(context_gone());
        }
        let objects = &mut objects.list;
        if objects.len() == objects.capacity() {
            // Before it grows, and so not too often.
            objects.retain(|object| object.strong_count() > 0);
            objects.reserve(objects.len() + 1);
        }
        objects.push(object);
        Ok(())
    }

    /// Fails everything that waits, now and from now on; returns who did.
    pub(super) fn shut_down(&self) -> Brought {
        let mut brought = Brought::default();
        self.selector.shut_down(&mut brought);
        let wake = &mut brought.wake;
        let mut objects = self.objects.lock();
        objects.context_gone = true;
        let list = mem::take(&mut objects.list);
        drop(objects);
        for object in list.iter().filter_map(Weak::upgrade) {
            object.context_gone(wake);
        }
        let mut batch = VecDeque::new();
        loop {
            let mut deadlines = self.deadlines.lock();
            deadlines.context_gone = true;
            deadlines.timers.take(BATCH, &mut batch);
            self.count_timers(&deadlines);
            drop(deadlines);
            if batch.is_empty() {
                return brought;
            }
            for Expired { key, owner, .. } in batch.drain(..) {
                match owner {
                    Due::Timer(timer) => timer.shut_down(key, wake),
                    Due::Waker(waker) => {
                        Parked::note(&waker, Ended::ContextGone);
                        wake.push(waker);
                    }
                }
            }
        }
    }
}

/// What sources of the system's events ask of it.
#[cfg(feature = "net")]
impl Reactor {
    /// Returns the descriptor that is readable when there are events.
    #[cfg(unix)]
    pub(super) fn raw_fd(&self) -> std::os::fd::RawFd {
        self.selector.raw_fd()
    }

    /// Registers a source for both directions, or for reads alone, if that is enough
    /// at first.
    pub(crate) fn register(
        &self,
        source: &mut impl Source,
        registration: Registration,
    ) -> io::Result<(Token, SharedRegistration)> {
        self.selector.register(source, registration)
    }

    /// Has the system tell of both directions.
    #[cfg(unix)]
    pub(crate) fn watch_both(&self, source: impl Source, token: Token) -> io::Result<()> {
        self.selector.watch_both(source, token)
    }

    /// Takes a source back out.
    pub(crate) fn deregister(&self, source: &mut impl Source, token: Token) {
        self.selector.deregister(source, token);
    }
}
