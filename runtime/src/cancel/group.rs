use std::alloc::Layout;
use std::fmt;
use std::mem;
use std::num::NonZeroU32;

use super::signal::SignalState;
use super::{CancellationSlot, CancellationType};
use crate::alloc::{Shared, out_of_memory};
use crate::shim::{Mutex, MutexGuard};
use crate::task::initiating::OperationId;
use crate::trace;

/// Asks any number of operations to stop: all that are under way, and all that
/// are started later.
///
/// For what has one end: the sessions of a server, the downloads of a pool. Bind
/// its [`slot`](Self::slot) to the token of each operation with
/// [`bind_cancellation_slot`](crate::bind_cancellation_slot), and
/// [`emit`](Self::emit) from any thread, as often as you like, inside handlers as
/// well. One slot serves all of them, and so do its clones. Clones of the group are
/// the same group.
///
/// What has been asked of a group holds for good. A request to a
/// [`CancellationSignal`](crate::cancel::CancellationSignal) means the operation that is
/// under way, and the next one has nothing to do with it; a request to a group means
/// whatever the operations are for. So a session that is accepted just while the
/// server shuts down is asked as it starts, and stops; nothing slips through between
/// a look at a flag and the start. For another life make another group.
///
/// ```
/// use async_op::{IoContext, bind_cancellation_slot, is_cancelled};
/// use async_op::cancel::{CancellationGroup, CancellationType};
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let all = CancellationGroup::new();
/// let wait = || {
///     let hour = sleep(&context, Duration::from_secs(3600));
///     hour.with(bind_cancellation_slot(all.slot(), |result: std::io::Result<()>| {
///         assert!(is_cancelled(&result.unwrap_err()));
///     }))
/// };
/// wait();
/// wait();
/// all.emit(CancellationType::TERMINAL);
/// wait(); // too late
/// assert_eq!(context.run(), 3);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// An operation learns of a request as it would from a signal, and as there, a type
/// that it does not honour is lost on it: `TERMINAL` is the one that ends everything.
///
/// Once the last clone of the group has been dropped, nobody is asked any more. What
/// was asked before holds, for the operations too that are started with a slot which
/// is left.
///
/// # Allocation
///
/// Three small blocks per group, and one per operation that is under way, in recycled
/// memory. The list of these operations keeps the capacity that it once needed, and
/// uses the places of those that are over again.
#[doc(alias = "CancellationToken")]
#[derive(Clone)]
pub struct CancellationGroup {
    handle: Shared<Handle>,
}

/// What the clones of a group share, and nobody else.
struct Handle {
    members: Shared<Members>,
    slot: CancellationSlot,
}

/// The operations of a group.
#[derive(Default)]
pub(super) struct Members {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    requested: CancellationType,
    /// How often there has been a request.
    requests: u64,
    places: Vec<Entry>,
    free: Option<Place>,
    /// The group has been dropped: nobody will be asked any more.
    is_closed: bool,
}

enum Entry {
    /// The state of an operation that is under way, and how many requests there had
    /// been when it began: of those it knows.
    Taken(Shared<SignalState>, u64),
    /// The next place that is free.
    Free(Option<Place>),
}

/// The number of an entry, from 1.
#[derive(Clone, Copy)]
pub(super) struct Place(NonZeroU32);

/// What gets no memory, where there is none.
const NAME: &str = "CancellationGroup";

impl CancellationGroup {
    /// Makes a group.
    ///
    /// ```
    /// use async_op::cancel::{CancellationGroup, CancellationType};
    ///
    /// let group = CancellationGroup::new();
    /// group.clone().emit(CancellationType::TERMINAL); // any clone is the group
    /// assert!(group.slot().is_connected());
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    pub fn new() -> Self {
        let members: Shared<_> = Shared::new(Members::default(), NAME);
        let state = SignalState::of_group(members.clone());
        let slot = CancellationSlot::of(Shared::new(state, NAME));
        Self {
            handle: Shared::new(Handle { members, slot }, NAME),
        }
    }

    /// Returns the slot of this group, which serves any number of operations.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::{CancellationGroup, CancellationType};
    /// use async_op::sync::Channel;
    /// use async_op::{IoContext, bind_cancellation_slot, is_cancelled};
    /// use std::io;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// let all = CancellationGroup::new();
    /// for _ in 0..3 {
    ///     channel.receive().with(bind_cancellation_slot(all.slot(), |result: io::Result<u32>| {
    ///         assert!(is_cancelled(&result.unwrap_err()));
    ///     }));
    /// }
    /// all.emit(CancellationType::TERMINAL);
    /// assert_eq!(context.run(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn slot(&self) -> CancellationSlot {
        self.handle.slot.clone()
    }

    /// Asks the operations that are under way to stop, and those that are started
    /// from now on.
    ///
    /// They are asked one after another on this thread, without a lock of ours; what
    /// an operation does at once, it does here.
    ///
    /// # Panics
    ///
    /// If what an operation does at once panics. Those behind it are asked with the
    /// next call.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::{CancellationGroup, CancellationType};
    /// use async_op::sync::Channel;
    /// use async_op::{Blocking, IoContext, bind_cancellation_slot, is_cancelled};
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// let shutdown = CancellationGroup::new();
    /// shutdown.emit(CancellationType::TERMINAL);
    /// // One that comes later is asked as it begins.
    /// let result = channel.receive().with(bind_cancellation_slot(shutdown.slot(), Blocking));
    /// assert!(is_cancelled(&result.unwrap_err()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn emit(&self, kind: CancellationType) {
        self.handle.members.emit(kind);
    }

    /// Returns what has been asked so far.
    ///
    /// ```
    /// use async_op::cancel::{CancellationGroup, CancellationType};
    ///
    /// let all = CancellationGroup::new();
    /// assert!(all.requested().is_empty());
    /// all.emit(CancellationType::TOTAL);
    /// all.emit(CancellationType::TERMINAL);
    /// assert_eq!(all.requested(), CancellationType::TOTAL | CancellationType::TERMINAL);
    /// ```
    pub fn requested(&self) -> CancellationType {
        self.handle.members.lock().requested
    }
}

impl fmt::Debug for CancellationGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationGroup")
            .field("requested", &self.requested())
            .finish_non_exhaustive()
    }
}

impl Default for CancellationGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut inner = self.members.lock();
        inner.is_closed = true;
        let places = mem::take(&mut inner.places);
        drop(inner);
        for entry in places {
            if let Entry::Taken(state, _) = entry {
                state.close();
            }
        }
    }
}

impl Members {
    /// Makes the state of an operation that is being started.
    ///
    /// # Panics
    ///
    /// If no memory can be had. The group is as it was then.
    pub(super) fn begin(
        this: &Shared<Self>,
        operation: OperationId,
        honoured: CancellationType,
    ) -> Shared<SignalState> {
        let mut inner = this.lock();
        let requested = inner.requested;
        let place = (!inner.is_closed).then(|| inner.next_place());
        let state = SignalState::of_member(this.clone(), place, operation, honoured, requested);
        let state = Shared::new(state, NAME);
        if place.is_some() {
            inner.take_next_place(state.clone());
        }
        drop(inner);
        let asked = requested & honoured;
        if !asked.is_empty() {
            trace::cancel_requested(operation, asked);
        }
        state
    }

    /// Takes note that the operation at `place` is over.
    pub(super) fn leave(&self, place: Place) {
        let mut inner = self.lock();
        if inner.is_closed {
            return;
        }
        let free = Entry::Free(inner.free.replace(place));
        let left = mem::replace(inner.entry(place), free);
        drop(inner);
        drop(left);
    }

    fn emit(&self, kind: CancellationType) {
        let mut inner = self.lock();
        inner.requested = inner.requested | kind;
        inner.requests += 1;
        let (request, count) = (inner.requests, inner.places.len());
        drop(inner);
        for index in 0..count {
            let state = match self.lock().places.get(index) {
                // What has taken the place since knows already, and may have gone on.
                Some(Entry::Taken(state, known)) if *known < request => state.clone(),
                _ => continue,
            };
            state.request(kind);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No foreign code runs under the lock.
        self.inner.lock()
    }
}

impl Inner {
    /// Returns the place of the next operation, for which there is room then.
    fn next_place(&mut self) -> Place {
        if let Some(place) = self.free {
            return place;
        }
        if self.places.try_reserve(1).is_err() {
            out_of_memory(NAME, Layout::new::<Entry>());
        }
        let number = u32::try_from(self.places.len() + 1).ok();
        let number = number.and_then(NonZeroU32::new);
        Place(number.expect("fewer than 4 billion operations are under way"))
    }

    fn take_next_place(&mut self, state: Shared<SignalState>) {
        let taken = Entry::Taken(state, self.requests);
        match self.free {
            Some(place) => {
                if let Entry::Free(next) = mem::replace(self.entry(place), taken) {
                    self.free = next;
                }
            }
            None => self.places.push(taken),
        }
    }

    fn entry(&mut self, Place(number): Place) -> &mut Entry {
        &mut self.places[number.get() as usize - 1]
    }
}
