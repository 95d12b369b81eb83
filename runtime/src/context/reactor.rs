#[cfg(async_op_loom)]
mod modelled;

use std::collections::VecDeque;
use std::io;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
#[cfg(feature = "test")]
use std::time::SystemTime;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Registry, Token};

use super::alarm::Alarm;
use super::clock::Clock;
#[cfg(feature = "test")]
use super::clock::Simulation;
use super::timers::{Expired, Timers};
use super::{Brought, Registration, SharedRegistration, TimerKey, WakeList};
use crate::alloc::Shared;
use crate::cancel::error::context_gone;
use crate::shim::plain::Mutex;
use crate::time::TimerState;

/// The token of the reactor's own waker.
const INTERRUPT: Token = Token(usize::MAX);
/// That of the alarm, of which nobody need know more than that it ends a wait.
const ALARM: Token = Token(usize::MAX - 1);
/// Urgent data is not read, but cuts reads short.
#[cfg(any(target_os = "linux", target_os = "android"))]
const READS: Interest = Interest::READABLE.add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const READS: Interest = Interest::READABLE;
const BOTH: Interest = READS.add(Interest::WRITABLE);
/// How many events one wait takes from the system. What these are about is touched again
/// when their tasks run, and should be in the caches still: with 1000 busy connections 32
/// take 10 to 20 percent less time than 256, and 8 or 16 no less than 32.
const EVENTS: usize = 32;
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
    registry: Registry,
    interrupt: mio::Waker,
    clock: Clock,
    /// Locked by the one thread that waits.
    wait: Mutex<WaitState>,
    sources: Mutex<Sources>,
    deadlines: Mutex<Deadlines>,
    waiting: Mutex<Waiting>,
    /// How many sources there are, and how many entries in `deadlines`: zero, and
    /// nobody need look. The second is written with the lock held.
    interest: AtomicUsize,
    timers: AtomicUsize,
    #[cfg(async_op_loom)]
    modelled: modelled::Modelled,
}

struct WaitState {
    poll: Poll,
    events: Events,
    /// How many there have been: each has a number of its own.
    count: usize,
    alarm: Alarm,
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
    /// To be woken; when the context is dropped, to be dropped.
    Waker(Waker),
}

/// Something that operations wait for which neither the system nor a timer
/// brings about.
pub(crate) trait ContextGone: Send + Sync {
    /// Fails all that wait, now and from now on.
    fn context_gone(&self, wake: &mut WakeList);
}

#[derive(Default)]
struct Waiting {
    objects: Vec<Weak<dyn ContextGone>>,
    context_gone: bool,
}

#[derive(Default)]
struct Sources {
    entries: Vec<Entry>,
    free: Vec<usize>,
    context_gone: bool,
}

#[derive(Default)]
struct Entry {
    // Bumped at each removal: an event that is already on its way to a removed
    // source must not reach its successor.
    generation: u32,
    registration: Option<SharedRegistration>,
}

/// How long to wait for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    Zero,
    Until(Option<Instant>),
}

impl Reactor {
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let interrupt = mio::Waker::new(&registry, INTERRUPT)?;
        let alarm = Alarm::new(&registry, ALARM)?;
        Ok(Self {
            registry,
            interrupt,
            clock,
            wait: Mutex::new(WaitState {
                poll,
                events: Events::with_capacity(EVENTS),
                count: 0,
                alarm,
                batch: VecDeque::new(),
            }),
            sources: Mutex::default(),
            deadlines: Mutex::default(),
            waiting: Mutex::default(),
            interest: AtomicUsize::new(0),
            timers: AtomicUsize::new(0),
            #[cfg(async_op_loom)]
            modelled: modelled::Modelled::default(),
        })
    }

    /// Returns the descriptor that is readable when there are events.
    #[cfg(unix)]
    pub(super) fn raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.registry)
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
        self.interest.load(Ordering::Relaxed) != 0 || self.has_timers()
    }

    /// Ends the wait that is under way, or the next one.
    pub(super) fn interrupt(&self) {
        #[cfg(async_op_loom)]
        self.modelled.end_wait();
        self.interrupt
            .wake()
            .expect("the system's event queue accepts wakeups");
    }

    /// Waits; who waited for what became ready goes to `brought`. Returns whether these are
    /// all events that there were.
    #[inline(always)]
    pub(super) fn wait(&self, timeout: Timeout, brought: &mut Brought) -> bool {
        #[cfg(async_op_loom)]
        match timeout {
            Timeout::Zero => _ = self.modelled.look(),
            Timeout::Until(None) => self.modelled.wait(),
            Timeout::Until(Some(_)) => self.modelled.wait_for_a_while(),
        }
        let mut state = self.wait.lock();
        let WaitState {
            poll,
            events,
            count,
            alarm,
            batch,
        } = &mut *state;
        #[cfg(feature = "test")]
        let (mut is_asleep, mut is_patient) = (timeout != Timeout::Zero, false);
        let timeout = match timeout {
            _ if cfg!(async_op_loom) => Some(Duration::ZERO),
            Timeout::Zero => Some(Duration::ZERO),
            // A clock that stands still jumps, once there is nothing else.
            #[cfg(feature = "test")]
            Timeout::Until(_) if self.may_jump() => Some(Duration::ZERO),
            #[cfg(feature = "test")]
            Timeout::Until(None) if self.simulation().is_some() => {
                is_patient = true;
                self.simulation().map(Simulation::patience)
            }
            Timeout::Until(None) if !self.has_timers() => None,
            Timeout::Until(deadline) => self.timeout(deadline, alarm),
        };
        match poll.poll(events, timeout) {
            Ok(()) => {}
            // A signal: nothing has happened yet.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                #[cfg(feature = "test")]
                {
                    is_asleep = false;
                }
            }
            Err(error) => panic!("waiting for the system's events failed: {error}"),
        }
        let sources = self.sources.lock();
        let mut number = 0;
        for event in events.iter() {
            number += 1;
            if let Some(registration) = sources.find(event.token()) {
                *count = count.wrapping_add(1);
                registration.notify(event, *count, brought);
            }
        }
        drop(sources);
        #[cfg(feature = "test")]
        if is_asleep && events.is_empty() {
            self.jump(is_patient);
        }
        if self.has_timers() {
            self.expire(batch, &mut brought.wake);
        }
        number < EVENTS
    }

    /// Whether time passes by a jump to a timer.
    #[cfg(feature = "test")]
    fn may_jump(&self) -> bool {
        self.simulation().is_some() && self.has_timers()
    }

    /// Lets the time pass until the earliest timer, in a context of a test; notes where there
    /// is none, and nothing has come in all the time that the system was given.
    #[cfg(feature = "test")]
    fn jump(&self, is_patient: bool) {
        let Some(simulation) = self.simulation() else {
            return;
        };
        match self.deadline() {
            Some(deadline) => simulation.pass_until(deadline),
            None if is_patient => simulation.note_hang(),
            None => {}
        }
    }

    /// Returns whether the system may bring something about.
    #[cfg(feature = "test")]
    pub(crate) fn has_sources(&self) -> bool {
        self.interest.load(Ordering::Relaxed) != 0
    }

    /// Returns how long to wait, no longer than until `deadline` and until there is a timer
    /// to fire.
    #[inline(never)]
    fn timeout(&self, deadline: Option<Instant>, alarm: &mut Alarm) -> Option<Duration> {
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let other = self.deadline().and_then(|deadline| alarm.set(deadline));
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

    /// Registers a source for both directions, or for reads alone, if that is enough
    /// at first.
    pub(crate) fn register(
        &self,
        source: &mut impl Source,
        registration: Registration,
    ) -> io::Result<(Token, SharedRegistration)> {
        let interest = if registration.is_unwatched() {
            READS
        } else {
            BOTH
        };
        let registration = Shared::try_new(registration)?;
        let token = self.sources.lock().insert(Shared::clone(&registration))?;
        if let Err(error) = self.registry.register(source, token, interest) {
            self.sources.lock().remove(token);
            return Err(error);
        }
        self.interest.fetch_add(1, Ordering::Relaxed);
        Ok((token, registration))
    }

    /// Has the system tell of both directions.
    #[cfg(unix)]
    pub(crate) fn watch_both(&self, mut source: impl Source, token: Token) -> io::Result<()> {
        self.registry.reregister(&mut source, token, BOTH)
    }

    /// Takes a source back out.
    pub(crate) fn deregister(&self, source: &mut impl Source, token: Token) {
        // Fails only for a source that the system has dropped by itself.
        let _ = self.registry.deregister(source);
        let removed = self.sources.lock().remove(token);
        if removed.is_some() {
            self.interest.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Adds a deadline; says whether the waiting thread should look again.
    pub(crate) fn add_timer(&self, deadline: Instant, due: Due) -> io::Result<(TimerKey, bool)> {
        let mut deadlines = self.deadlines.lock();
        if deadlines.context_gone {
            return Err(context_gone());
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

    /// Returns how many entries there are.
    #[cfg(test)]
    pub(crate) fn timers(&self) -> usize {
        self.timers.load(Ordering::Relaxed)
    }

    fn count_timers(&self, deadlines: &Deadlines) {
        self.timers.store(deadlines.timers.len(), Ordering::Relaxed);
    }

    /// Has `object` told when the context is dropped.
    pub(crate) fn add_object(&self, object: Weak<dyn ContextGone>) -> io::Result<()> {
        let mut waiting = self.waiting.lock();
        if waiting.context_gone {
            return Err(context_gone());
        }
        let objects = &mut waiting.objects;
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
        let mut sources = self.sources.lock();
        sources.context_gone = true;
        for entry in &sources.entries {
            if let Some(registration) = &entry.registration {
                registration.shut_down(&mut brought);
            }
        }
        drop(sources);
        let wake = &mut brought.wake;
        let mut waiting = self.waiting.lock();
        waiting.context_gone = true;
        let objects = std::mem::take(&mut waiting.objects);
        drop(waiting);
        for object in objects.iter().filter_map(Weak::upgrade) {
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
                    Due::Waker(waker) => drop(waker),
                }
            }
        }
    }
}

impl Sources {
    fn insert(&mut self, registration: SharedRegistration) -> io::Result<Token> {
        if self.context_gone {
            return Err(context_gone());
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.add()?,
        };
        let entry = &mut self.entries[index];
        entry.registration = Some(registration);
        Ok(token(index, entry.generation))
    }

    /// Adds an entry; returns its index.
    #[cold]
    fn add(&mut self) -> io::Result<usize> {
        let index = self.entries.len();
        if index >= MOST {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let room = self.entries.try_reserve(1).and_then(|()| {
            // So that a removal, which is part of a drop, finds room.
            self.free.try_reserve(index + 1)
        });
        room.map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.entries.push(Entry::default());
        Ok(index)
    }

    fn find(&self, token: Token) -> Option<&Registration> {
        let (index, generation) = parts(token);
        let entry = self.entries.get(index)?;
        if entry.generation != generation {
            return None;
        }
        entry.registration.as_deref()
    }

    fn remove(&mut self, token: Token) -> Option<SharedRegistration> {
        let (index, generation) = parts(token);
        let entry = self.entries.get_mut(index)?;
        if entry.generation != generation {
            return None;
        }
        let registration = entry.registration.take()?;
        entry.generation = (entry.generation + 1) & GENERATION_MASK;
        self.free.push(index);
        Some(registration)
    }
}

// Half of a token is the index, half the generation; the two highest indices are given to
// no source, so no token is `INTERRUPT` or `ALARM`.
const INDEX_BITS: u32 = usize::BITS / 2;
const MOST: usize = (1 << INDEX_BITS) - 2;
const GENERATION_MASK: u32 = (usize::MAX >> INDEX_BITS) as u32;

fn token(index: usize, generation: u32) -> Token {
    Token(index | (generation as usize) << INDEX_BITS)
}

fn parts(token: Token) -> (usize, u32) {
    let index = token.0 & (usize::MAX >> INDEX_BITS);
    (index, (token.0 >> INDEX_BITS) as u32)
}
