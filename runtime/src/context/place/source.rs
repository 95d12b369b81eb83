//! The place of those who wait for a source. Its pointers are as those of all
//! [places](super).

use std::num::NonZeroU32;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Finder, Place};
use crate::context::known::Seen;
use crate::context::registration::{Direction, SharedRegistration};
use crate::task::parked::{Parked, Parking};

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

    unsafe fn park_to_be_found(self, leaf: Parked) -> (Parking, Option<Finder>) {
        // SAFETY: by I1 good, as the leaf is not parked yet.
        let registration = unsafe { self.registration.as_ref() };
        let finder = Finder::Source(SharedRegistration::clone(registration), self.direction);
        // SAFETY: passed on as it came.
        (unsafe { self.park(leaf) }, Some(finder))
    }
}
