//! Where leaves wait, and what finds them there.
//!
//! # Invariants
//!
//! - **I1** The pointers of a place are into the attempt of the leaf that is to be parked
//!   there: they are good until it is, and not looked at afterwards.

#[cfg(feature = "net")]
mod source;

#[cfg(feature = "net")]
pub(crate) use self::source::AtSource;

use std::ptr::NonNull;
use std::sync::Arc;

#[cfg(feature = "net")]
use super::registration::{Direction, SharedRegistration};
use super::{Reactor, TimerKey};
use crate::alloc::Owner;
use crate::task::initiating::OperationId;
use crate::task::parked::{Parked, Parking};
use crate::time::{Moment, TimerState};

/// Where an operation waits.
pub(crate) trait Place {
    /// Parks a leaf, to be posted when another attempt is due.
    ///
    /// # Safety
    ///
    /// - The place is that of the leaf's own attempt, which has it until it is parked.
    unsafe fn park(self, leaf: Parked) -> Parking;

    /// As [`park`](Self::park), with what finds the leaf there, if that is parked.
    ///
    /// # Safety
    ///
    /// - As for [`park`](Self::park).
    unsafe fn park_to_be_found(self, leaf: Parked) -> (Parking, Option<Finder>);
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

    unsafe fn park_to_be_found(self, leaf: Parked) -> (Parking, Option<Finder>) {
        // SAFETY: by I1 good, as the leaf is not parked yet.
        let finder = Finder::Timer(Owner::clone(unsafe { self.0.as_ref() }));
        // SAFETY: passed on as it came.
        (unsafe { self.park(leaf) }, Some(finder))
    }
}

/// At a moment that it alone waits for.
pub(crate) struct AtMoment(Moment);

impl AtMoment {
    #[inline]
    pub(crate) fn new(moment: Moment) -> Self {
        Self(moment)
    }
}

impl Place for AtMoment {
    #[inline]
    unsafe fn park(self, leaf: Parked) -> Parking {
        self.0.park(leaf).0
    }

    unsafe fn park_to_be_found(self, leaf: Parked) -> (Parking, Option<Finder>) {
        let (parking, entry) = self.0.park(leaf);
        let finder = entry.map(|(reactor, key)| Finder::Moment(reactor, key));
        (parking, finder)
    }
}

/// Finds a leaf that waits, for requests to cancel.
pub(crate) enum Finder {
    #[cfg(feature = "net")]
    Source(SharedRegistration, Direction),
    /// An owner, as there may be any number of these.
    Timer(Owner<TimerState>),
    Moment(Arc<Reactor>, TimerKey),
}

impl Finder {
    /// Takes out the leaf of `operation`, which is at `address`, unless it waits no more.
    #[cfg_attr(
        not(feature = "net"),
        allow(unused_variables, reason = "a timer has a list of operations, or one")
    )]
    pub(crate) fn find(&self, address: usize, operation: OperationId) -> Option<Parked> {
        match self {
            #[cfg(feature = "net")]
            Self::Source(registration, direction) => {
                registration.take(*direction, address, operation)
            }
            Self::Timer(timer) => timer.take(operation),
            Self::Moment(reactor, key) => reactor.remove_timer(*key)?.into_leaf(),
        }
    }
}
