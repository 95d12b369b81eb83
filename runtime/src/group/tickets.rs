//! Which members of a group have been woken, and in which order.

use std::task::Waker;

use super::NAME;
use crate::alloc::{Shared, WakeShared};
use crate::shim::{AtomicUsize, Ordering};
use crate::task::lent::Lender;

/// What is due for a poll: its ticket, or [`UNWOKEN`], and its place in the group.
pub(super) type Due = (usize, usize);

/// Of a member that is polled though nobody has woken it: after all that were woken.
const UNWOKEN: usize = usize::MAX;

/// Not taken.
const NONE: usize = 0;

/// A ticket for each wake. Of those of a member that came before it was polled the last one
/// counts: what an operation does last is to wake who waits for it, and a wake before that
/// was for something else.
pub(super) struct Tickets<P> {
    /// The last one of all.
    last: AtomicUsize,
    /// The last one of each member since its last poll.
    places: P,
    /// How many are in their places, or have been.
    placed: AtomicUsize,
}

/// The tickets of a group, in a recycled block that its wakers share: they may outlive it.
pub(super) type SharedTickets<P> = Shared<Tickets<P>>;

/// Wakes the group for one member. A block for each that is kept: the group itself keeps no
/// waker of whoever polls it, which would keep that waiting when nobody else is left to wake it.
struct MemberWaker<P> {
    tickets: SharedTickets<P>,
    index: usize,
    group: Waker,
}

/// The same, while the member is being polled.
pub(super) struct MemberPoll<'a, P> {
    pub(super) tickets: &'a SharedTickets<P>,
    pub(super) index: usize,
    pub(super) group: &'a Waker,
}

impl<P> Lender for MemberPoll<'_, P>
where
    P: AsRef<[AtomicUsize]> + Send + Sync + 'static,
{
    fn waker(&self) -> Waker {
        let waker = MemberWaker {
            tickets: self.tickets.clone(),
            index: self.index,
            group: self.group.clone(),
        };
        Shared::<_>::into_waker(Shared::new(waker, NAME))
    }

    fn wake(&self) {
        self.tickets.take(self.index);
        // Also where it has been woken before: where the group is a member of another one,
        // that learns of the last wake, too.
        self.group.wake_by_ref();
    }
}

impl<P> WakeShared for MemberWaker<P>
where
    P: AsRef<[AtomicUsize]> + Send + Sync + 'static,
{
    fn wake(&self) {
        let Self {
            tickets,
            index,
            group,
        } = self;
        MemberPoll {
            tickets,
            index: *index,
            group,
        }
        .wake();
    }
}

impl<P> Tickets<P>
where
    P: AsRef<[AtomicUsize]> + Send + Sync + 'static,
{
    pub(super) fn new(places: P) -> Self {
        Self {
            last: AtomicUsize::new(NONE),
            places,
            placed: AtomicUsize::new(0),
        }
    }

    fn take(&self, index: usize) {
        // All tickets are of one counter, so of two wakes of which one comes before the other,
        // as threads see it, it has the lower ticket. Release: see `last_before`.
        let ticket = self.last.fetch_add(1, Ordering::Release).wrapping_add(1);
        // When all numbers have been used, there being few on some systems.
        let ticket = ticket.max(NONE + 1);
        // Release: what the member is to see comes with it. Of several threads the last
        // ticket stays.
        self.places.as_ref()[index].fetch_max(ticket, Ordering::AcqRel);
        self.placed.fetch_add(1, Ordering::Release);
    }

    /// Returns how many tickets have been put into their places: a [`collect`](Self::collect)
    /// that comes after it takes all of these.
    pub(super) fn placed(&self) -> usize {
        // Acquire: they are there.
        self.placed.load(Ordering::Acquire)
    }

    /// Takes all tickets back, and puts who is due in order, at the front of `due`: those who
    /// have been woken, and `all` others after them, if that is asked. Returns their number.
    ///
    /// With a ticket it takes those that came before, as threads see it, too.
    pub(super) fn collect(&self, all: bool, due: &mut [Due]) -> usize {
        let places = &self.places.as_ref()[..due.len()];
        let (mut count, mut latest, mut looked_at) = (0, NONE, 0);
        for (index, place) in places.iter().enumerate() {
            let ticket = match place.load(Ordering::Relaxed) {
                NONE if all => UNWOKEN,
                NONE => continue,
                _ => {
                    looked_at = index;
                    // Acquire: see `take`.
                    let ticket = place.swap(NONE, Ordering::AcqRel);
                    latest = latest.max(ticket);
                    ticket
                }
            };
            due[count] = (ticket, index);
            count += 1;
        }
        // What has been looked at before one that has a ticket may have got an earlier one
        // since.
        while looked_at > 0 {
            let before = std::mem::take(&mut looked_at);
            for (index, place) in places[..before].iter().enumerate() {
                let ticket = place.load(Ordering::Relaxed);
                if ticket == NONE || ticket > latest {
                    continue;
                }
                looked_at = places.len();
                let ticket = place.swap(NONE, Ordering::AcqRel);
                latest = latest.max(ticket);
                match due[..count].iter_mut().find(|(_, other)| *other == index) {
                    Some(due) => due.0 = ticket,
                    None => {
                        due[count] = (ticket, index);
                        count += 1;
                    }
                }
            }
        }
        due[..count].sort_unstable();
        count
    }

    /// Of one that was due and has been found ready: returns the last ticket of those who come
    /// before it, if any of them may be due no longer or not yet. That is its own, which is
    /// taken back, if it has been woken since it was due. `seen` is what had been
    /// [`placed`](Self::placed) when it became due.
    pub(super) fn last_before(&self, (ticket, index): Due, seen: usize) -> Option<usize> {
        // Before its own ticket is looked for. Acquire: of those who had theirs after it none is
        // among these then, unless its own is found in its place.
        let last = self.last.load(Ordering::Acquire);
        let place = &self.places.as_ref()[index];
        if place.load(Ordering::Relaxed) != NONE {
            // Acquire: see `take`.
            return Some(place.swap(NONE, Ordering::AcqRel));
        }
        (ticket == UNWOKEN && self.placed() != seen).then_some(last)
    }

    /// Takes the first ticket back that is not later than `last`; returns whose it was.
    pub(super) fn take_first(&self, last: usize) -> Option<usize> {
        loop {
            let places = self.places.as_ref().iter().enumerate();
            let tickets = places.map(|(index, place)| (place.load(Ordering::Relaxed), index));
            let (ticket, index) = tickets
                .filter(|&(ticket, _)| ticket != NONE && ticket <= last)
                .min()?;
            // Acquire: see `take`. One that has got a later ticket since keeps that.
            let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
            if self.places.as_ref()[index]
                .compare_exchange(ticket, NONE, success, failure)
                .is_ok()
            {
                return Some(index);
            }
        }
    }
}

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;

#[cfg(all(test, async_op_loom))]
mod loom_tests;
