//! Waits for the system's events, which are those of sources: registered here, and told.

#[cfg(async_op_loom)]
mod modelled;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Interest, Poll, Registry, Token};

use super::alarm::Alarm;
use super::bounds::Events;
#[cfg(async_op_loom)]
use super::bounds::Timeout;
use super::{Brought, Registration, SharedRegistration};
use crate::alloc::Shared;
use crate::cancel::error::context_gone;
use crate::shim::plain::Mutex;

/// The token of what ends a wait.
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

/// The system's event queue.
pub(super) struct Selector {
    registry: Registry,
    interrupt: mio::Waker,
    sources: Mutex<Sources>,
    /// How many sources there are: zero, and nobody need look.
    interest: AtomicUsize,
    #[cfg(async_op_loom)]
    modelled: modelled::Modelled,
}

/// What the one thread has that waits.
pub(super) struct Waiting {
    poll: Poll,
    events: mio::Events,
    /// How many there have been: each has a number of its own.
    count: usize,
    alarm: Alarm,
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

impl Waiting {
    /// Has a wait that is about to begin end when `deadline` has come, or before; returns how
    /// long it may be besides.
    pub(super) fn end_at(&mut self, deadline: Instant) -> Option<Duration> {
        self.alarm.set(deadline)
    }
}

impl Selector {
    pub(super) fn new() -> io::Result<(Self, Waiting)> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let interrupt = mio::Waker::new(&registry, INTERRUPT)?;
        let alarm = Alarm::new(&registry, ALARM)?;
        let waiting = Waiting {
            poll,
            events: mio::Events::with_capacity(EVENTS),
            count: 0,
            alarm,
        };
        let selector = Self {
            registry,
            interrupt,
            sources: Mutex::default(),
            interest: AtomicUsize::new(0),
            #[cfg(async_op_loom)]
            modelled: modelled::Modelled::default(),
        };
        Ok((selector, waiting))
    }

    /// Returns the descriptor that is readable when there are events.
    #[cfg(unix)]
    pub(super) fn raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.registry)
    }

    /// Returns whether the system may bring something about.
    #[inline]
    pub(super) fn has_sources(&self) -> bool {
        self.interest.load(Ordering::Relaxed) != 0
    }

    /// Ends the wait that is under way, or the next one.
    pub(super) fn interrupt(&self) {
        #[cfg(async_op_loom)]
        self.modelled.end_wait();
        self.interrupt
            .wake()
            .expect("the system's event queue accepts wakeups");
    }

    /// Waits, in a model.
    #[cfg(async_op_loom)]
    pub(super) fn wait_modelled(&self, timeout: Timeout) {
        match timeout {
            Timeout::Zero => _ = self.modelled.look(),
            Timeout::Until(None) => self.modelled.wait(),
            Timeout::Until(Some(_)) => self.modelled.wait_for_a_while(),
        }
    }

    /// Waits; who waited for what became ready goes to `brought`.
    #[inline(always)]
    pub(super) fn wait(
        &self,
        waiting: &mut Waiting,
        timeout: Option<Duration>,
        brought: &mut Brought,
    ) -> Events {
        let Waiting {
            poll,
            events,
            count,
            alarm: _,
        } = waiting;
        let timeout = match cfg!(async_op_loom) {
            true => Some(Duration::ZERO),
            false => timeout,
        };
        match poll.poll(events, timeout) {
            Ok(()) => {}
            // A signal: nothing has happened yet.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => events.clear(),
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
        Events {
            are_any: number > 0,
            are_all: number < EVENTS,
        }
    }

    /// Registers a source for both directions, or for reads alone, if that is enough
    /// at first.
    pub(super) fn register(
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
    pub(super) fn watch_both(&self, mut source: impl Source, token: Token) -> io::Result<()> {
        self.registry.reregister(&mut source, token, BOTH)
    }

    /// Takes a source back out.
    pub(super) fn deregister(&self, source: &mut impl Source, token: Token) {
        // Fails only for a source that the system has dropped by itself.
        let _ = self.registry.deregister(source);
        let removed = self.sources.lock().remove(token);
        if removed.is_some() {
            self.interest.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Fails everything that waits, now and from now on; who did goes to `brought`.
    pub(super) fn shut_down(&self, brought: &mut Brought) {
        let mut sources = self.sources.lock();
        sources.context_gone = true;
        for entry in &sources.entries {
            if let Some(registration) = &entry.registration {
                registration.shut_down(brought);
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
