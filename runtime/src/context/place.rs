//! Where leaves wait, and what finds them there.
//!
//! # Invariants
//!
//! - **I1** The pointers of a place are into the attempt of the leaf that is to be parked
//!   there: they are good until it is, and not looked at afterwards.

use std::num::NonZeroU32;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::known::Seen;
use super::registration::{Direction, SharedRegistration};
use crate::alloc::Owner;
use crate::task::initiating::OperationId;
use crate::task::parked::{Parked, Parking};
use crate::time::TimerState;

/// Where an operation waits.
pub(crate) trait Place {
    /// Parks a leaf, to be posted when another attempt is due.
    ///
    /// # Safety
    ///
    /// - The place is that of the leaf's own attempt, which has it until it is parked.
    unsafe fn park(self, leaf: Parked) -> Parking;

    /// Returns what finds there whatever is parked.
    ///
    /// # Safety
    ///
    /// - As for [`park`](Self::park), before that.
    unsafe fn finder(&self) -> Finder;
}

/// At a source, with what the last attempt has seen there.
pub(crate) struct AtSource {
    registration: NonNull<SharedRegistration>,
    direction: Direction,
    seen: Seen,
    /// That of the source, to be compared with that of the operation.
    era: NonNull<AtomicU32>,
    own_era: Option<NonZeroU32>,
}

impl AtSource {
    #[inline]
    pub(crate) fn new(
        registration: &SharedRegistration,
        direction: Direction,
        seen: Seen,
        era: &AtomicU32,
        own_era: Option<NonZeroU32>,
    ) -> Self {
        Self {
            registration: NonNull::from(registration),
            direction,
            seen,
            era: NonNull::from(era),
            own_era,
        }
    }
}

impl AtSource {
    /// Parks a leaf where others may wait.
    ///
    /// # Safety
    ///
    /// - As for [`park`](Place::park).
    #[cold]
    unsafe fn park_among_others(self, leaf: Parked) -> Parking {
        let is_due = || {
            // SAFETY: by I1 good, as the leaf is not parked yet.
            let era = unsafe { self.era.as_ref() };
            Some(NonZeroU32::MIN | era.load(Ordering::Acquire)) != self.own_era
        };
        // SAFETY: by I1 good until the leaf is parked, and no longer needed.
        let registration = unsafe { self.registration.as_ref() };
        if self.seen.has_room() && !registration.has_leaves(self.direction) {
            return registration.of(self.direction).park(self.seen, leaf);
        }
        // What the leaf may take with it is needed until a lock is released.
        let registration = SharedRegistration::clone(registration);
        registration.park_behind(self.direction, leaf, is_due)
    }
}

impl Place for AtSource {
    #[inline]
    unsafe fn park(self, leaf: Parked) -> Parking {
        // No argument of a function that parks it: that would have to be good for as long
        // as the function runs.
        // SAFETY: by I1 good until the leaf is parked, and no longer needed.
        let registration = unsafe { self.registration.as_ref() };
        if self.seen.has_room() && !self.seen.is_awaited() {
            return registration.of(self.direction).park(self.seen, leaf);
        }
        // SAFETY: passed on as it came.
        unsafe { self.park_among_others(leaf) }
    }

    unsafe fn finder(&self) -> Finder {
        // SAFETY: by I1 good, as the leaf is not parked yet.
        let registration = unsafe { self.registration.as_ref() };
        Finder::Source(SharedRegistration::clone(registration), self.direction)
    }
}

/// At a timer.
pub(crate) struct AtTimer(NonNull<Owner<TimerState>>);

impl AtTimer {
    #[inline]
    pub(crate) fn new(timer: &Owner<TimerState>) -> Self {
        Self(NonNull::from(timer))
    }
}

impl Place for AtTimer {
    #[inline]
    unsafe fn park(self, leaf: Parked) -> Parking {
        // What the leaf may take with it is needed until a lock is released.
        // SAFETY: by I1 good, as the leaf is not parked yet.
        let timer = Owner::share(unsafe { self.0.as_ref() });
        TimerState::park(&timer, leaf)
    }

    unsafe fn finder(&self) -> Finder {
        // SAFETY: by I1 good, as the leaf is not parked yet.
        Finder::Timer(Owner::clone(unsafe { self.0.as_ref() }))
    }
}

/// Finds a leaf that waits, for requests to cancel.
pub(crate) enum Finder {
    Source(SharedRegistration, Direction),
    /// An owner, as there may be any number of these.
    Timer(Owner<TimerState>),
}

impl Finder {
    /// Takes out the leaf of `operation`, which is at `address`, unless it waits no more.
    pub(crate) fn find(&self, address: usize, operation: OperationId) -> Option<Parked> {
        match self {
            Self::Source(registration, direction) => {
                registration.take(*direction, address, operation)
            }
            Self::Timer(timer) => timer.take(operation),
        }
    }
}
