//! What is known of one direction of a source, and the leaf that waits for more.
//!
//! One word, so that a leaf is parked, taken and cancelled by one exchange and no lock,
//! and whoever has parked it need not look at the source again, which may be gone.
//!
//! # Invariants
//!
//! - **I1** While the word has `PARKED`, the rest of it but the low flags is a pointer of
//!   [`Parked::into_raw`], which the word owns. Whoever exchanges it for a word without
//!   owns the leaf from then on.
//! - **I2** No word that has been without `PARKED` and is exchanged for another, by an
//!   event or a request to cancel, is ever there again: each has a number of its own.
//! - **I3** The provenance of each pointer that is parked is exposed before: [`Bits`] makes
//!   it anew of its address.

#![allow(
    clippy::incompatible_msrv,
    unstable_name_collisions,
    reason = "what a compiler does not know is in `Bits`"
)]

use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicUsize;

use crate::shim::{AtomicPtr, Ordering};
use crate::task::parked::{LeafHeader, Parked, Parking};

/// A leaf is there.
const PARKED: usize = 1;
/// Sticky: a short transfer does not show that nothing is left. Data and the end, or
/// urgent data, which cuts reads short, can share one event, and none follows.
const UNCERTAIN: usize = 2;
/// Somebody has begun to wait under the lock since the last event.
const AWAITED: usize = 4;
/// The system has not been asked to tell when it is possible to write. Some sockets would
/// say so after each message that the other end takes.
const UNWATCHED: usize = 8;
/// Where no leaf is: an attempt may succeed.
const READY: usize = 16;
/// Where no leaf is, nor ever will be: the context has been dropped.
const GONE: usize = 32;
/// The number of the word. An attempt that began before the last event does not clear
/// what that has said.
const NUMBER: usize = 64;

/// What there is room for below a pointer.
const LOW: usize = READY - 1;

pub(super) struct Known(AtomicPtr<LeafHeader>);

/// What was known at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(*mut LeafHeader);

// SAFETY: a number, or a pointer that is compared and no more.
unsafe impl Send for Seen {}
// SAFETY: as above.
unsafe impl Sync for Seen {}

/// Numbers of words that no event has made.
static NUMBERS: AtomicUsize = AtomicUsize::new(0);

impl Seen {
    /// Before any look.
    pub(crate) const NOTHING: Self = Self::of(0);

    const fn of(flags: usize) -> Self {
        Self(ptr::without_provenance_mut(flags))
    }

    #[inline]
    fn has(self, flag: usize) -> bool {
        self.0.addr() & flag != 0
    }

    #[inline]
    pub(crate) fn is_ready(self) -> bool {
        self.0.addr() & (PARKED | READY) == READY
    }

    #[inline]
    pub(crate) fn is_gone(self) -> bool {
        self.0.addr() & (PARKED | GONE) == GONE
    }

    /// Returns whether a leaf could be parked.
    #[inline]
    pub(crate) fn has_room(self) -> bool {
        self.0.addr() & (PARKED | READY | GONE) == 0
    }

    #[inline]
    pub(crate) fn is_uncertain(self) -> bool {
        self.has(UNCERTAIN)
    }

    #[inline]
    pub(crate) fn is_awaited(self) -> bool {
        self.has(AWAITED)
    }

    #[inline]
    pub(crate) fn is_unwatched(self) -> bool {
        self.has(UNWATCHED)
    }

    /// The leaf that is there, which the caller has exchanged for another word.
    ///
    /// # Safety
    ///
    /// - By I1 the leaf was the word's, and is the caller's.
    #[inline]
    unsafe fn into_leaf(self) -> Option<Parked> {
        if !self.has(PARKED) {
            return None;
        }
        let leaf = self.0.map_addr(|word| word & !LOW);
        // SAFETY: by I1 a pointer of `into_raw`, so not null.
        let leaf = unsafe { NonNull::new_unchecked(leaf) };
        // SAFETY: the caller's promise.
        Some(unsafe { Parked::from_raw(leaf) })
    }
}

impl Known {
    pub(super) fn new(is_ready: bool, is_unwatched: bool) -> Self {
        let ready = if is_ready { READY } else { 0 };
        let unwatched = if is_unwatched { UNWATCHED } else { 0 };
        Self(AtomicPtr::new(Seen::of(ready | unwatched).0))
    }

    #[inline]
    pub(crate) fn see(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// Exchanges the word for `next` of it; returns what it was.
    #[inline]
    fn exchange(&self, next: impl Fn(Seen) -> Seen) -> Seen {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            // What is passed on is what others have written before, in both directions.
            let exchanged = self.0.compare_exchange_weak(
                seen,
                next(Seen(seen)).0,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            match exchanged {
                Ok(seen) => return Seen(seen),
                Err(other) => seen = other,
            }
        }
    }

    /// Makes the direction ready, by an event with a `number` of its own. Returns the leaf
    /// that waited, and whether others do, under the lock.
    #[inline]
    pub(super) fn event(&self, number: usize, is_uncertain: bool) -> (Option<Parked>, bool) {
        let uncertain = if is_uncertain { UNCERTAIN } else { 0 };
        let number = number.wrapping_mul(2 * NUMBER) | READY | uncertain;
        let seen = self.exchange(|seen| match seen.is_gone() {
            true => seen,
            false => Seen::of(seen.0.addr() & (UNCERTAIN | UNWATCHED) | number),
        });
        // SAFETY: just exchanged for a word without.
        (unsafe { seen.into_leaf() }, seen.is_awaited())
    }

    /// Makes the direction ready, though there has been no event. Returns the leaf that
    /// waited, and whether others do, under the lock.
    #[cfg(any(not(unix), all(test, async_op_loom)))]
    pub(super) fn ready(&self) -> (Option<Parked>, bool) {
        let number = Self::number() | READY | UNCERTAIN;
        let seen = self.exchange(|seen| match seen.is_gone() {
            true => seen,
            false => Seen::of(seen.0.addr() & UNWATCHED | number),
        });
        // SAFETY: just exchanged for a word without.
        (unsafe { seen.into_leaf() }, seen.is_awaited())
    }

    /// Takes the leaf that waits, and has whoever is about to park look again.
    pub(super) fn disturb(&self) -> Option<Parked> {
        let number = Self::number();
        let seen = self.exchange(|seen| match seen {
            seen if seen.is_gone() => seen,
            seen if seen.has(PARKED) => Seen::of(seen.0.addr() & (LOW & !PARKED) | number),
            seen => Seen::of(seen.0.addr() & (LOW | READY) | number),
        });
        // SAFETY: just exchanged for a word without.
        unsafe { seen.into_leaf() }
    }

    /// Fails everything from now on; returns the leaf that waited.
    pub(super) fn end(&self) -> Option<Parked> {
        let seen = self.exchange(|seen| Seen::of(seen.0.addr() & (LOW & !PARKED) | GONE));
        // SAFETY: just exchanged for a word without.
        unsafe { seen.into_leaf() }
    }

    /// Takes the leaf at `address`, if it is there.
    pub(super) fn take(&self, address: usize) -> Option<Parked> {
        let seen = self.see();
        if !seen.has(PARKED) || seen.0.addr() & !LOW != address {
            return None;
        }
        let next = Seen::of(seen.0.addr() & (LOW & !PARKED) | Self::number());
        let taken = self
            .0
            .compare_exchange(seen.0, next.0, Ordering::AcqRel, Ordering::Relaxed);
        match taken {
            // SAFETY: just exchanged for a word without.
            Ok(seen) => unsafe { Seen(seen).into_leaf() },
            // With other flags it may be there still.
            Err(_) => self.take(address),
        }
    }

    fn number() -> usize {
        let number = NUMBERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        number.wrapping_mul(2 * NUMBER) | NUMBER
    }

    /// Parks a leaf, if nothing has changed since what was `seen`, when there was room.
    ///
    /// That is one exchange, after which nothing of the source is looked at: it may be
    /// gone with the leaf.
    #[inline]
    pub(super) fn park(&self, seen: Seen, leaf: Parked) -> Parking {
        debug_assert!(seen.has_room(), "a leaf waits where nothing is ready");
        let leaf = leaf.into_raw();
        let flags = seen.0.addr() & LOW | PARKED;
        let parked = leaf.as_ptr().map_addr(|leaf| leaf | flags);
        // For compilers that know no `fetch_or` (I3).
        parked.expose_provenance();
        // Release: whoever takes it has what is in it.
        let exchanged =
            self.0
                .compare_exchange(seen.0, parked, Ordering::Release, Ordering::Relaxed);
        match exchanged {
            // No look at anything of the source from here on.
            Ok(_) => Parking::Parked,
            // SAFETY: made by `into_raw` above, and still the caller's.
            Err(_) => Parking::Due(unsafe { Parked::from_raw(leaf) }),
        }
    }

    /// Notes that nothing is left, unless an event has come since what was `seen`.
    /// An inference from a short transfer does not stand where that is uncertain;
    /// `certain` is the system's own word.
    #[inline]
    pub(super) fn clear(&self, seen: Seen, certain: bool) {
        if seen.is_ready() && (certain || !seen.is_uncertain()) {
            let next = Seen(seen.0.map_addr(|word| word & !READY));
            // Fails after an event, or when another has been quicker, or waits.
            let _ = self
                .0
                .compare_exchange(seen.0, next.0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Takes note that somebody begins to wait under the lock; returns what was known.
    pub(super) fn begin_to_wait(&self) -> Seen {
        // In one step: another leaf may have the address of the one that was there, and
        // the pointer of that is not its own.
        Seen(self.0.fetch_or(AWAITED, Ordering::AcqRel))
    }

    /// Makes a short read show nothing.
    #[cfg(unix)]
    pub(super) fn is_never_certain(&self) {
        self.0.fetch_or(UNCERTAIN, Ordering::AcqRel);
    }

    /// Notes that the system has been asked to tell when it is possible to write.
    #[cfg(unix)]
    pub(super) fn watched(&self) {
        self.0.fetch_and(!UNWATCHED, Ordering::AcqRel);
    }
}

/// What compilers before 1.91 do not know of pointers. Since then those have methods of these
/// names, which come first, as loom's do.
#[allow(dead_code, reason = "these are called where there are no others")]
trait Bits {
    type Pointer;
    fn fetch_or(&self, bits: usize, order: Ordering) -> Self::Pointer;
    fn fetch_and(&self, bits: usize, order: Ordering) -> Self::Pointer;
}

impl<T> Bits for std::sync::atomic::AtomicPtr<T> {
    type Pointer = *mut T;

    fn fetch_or(&self, bits: usize, order: Ordering) -> *mut T {
        fetch_map(self, order, |word| word | bits)
    }

    fn fetch_and(&self, bits: usize, order: Ordering) -> *mut T {
        fetch_map(self, order, |word| word & bits)
    }
}

/// In two steps, between which a leaf may be followed by another at the same address. So what
/// is stored is a pointer to whatever is there (I3), not the one that was loaded.
#[allow(dead_code, reason = "as above")]
fn fetch_map<T>(
    word: &std::sync::atomic::AtomicPtr<T>,
    order: Ordering,
    map: impl Fn(usize) -> usize,
) -> *mut T {
    let next = |before: *mut T| Some(ptr::with_exposed_provenance_mut(map(before.addr())));
    word.fetch_update(order, Ordering::Relaxed, next)
        .expect("there always is a next one")
}
