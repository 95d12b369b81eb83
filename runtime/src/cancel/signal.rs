use std::fmt;
use std::mem;
use std::task::Waker;

use super::group::{Members, Place};
use super::{CancellationType, Function};
use crate::alloc::Shared;
use crate::context::Finder;
use crate::shim::{Mutex, MutexGuard};
use crate::task::initiating::OperationId;
use crate::task::parked::Ended;
use crate::trace;

/// Asks operations to stop.
///
/// Bind its [`slot`](Self::slot) to a token with
/// [`bind_cancellation_slot`](crate::bind_cancellation_slot), start an
/// operation with that, and [`emit`](Self::emit). A signal serves one operation
/// at a time, the one that was started last, and any number one after another;
/// for several at once use a [`CancellationGroup`](crate::cancel::CancellationGroup).
///
/// Cancellation is a request. Before an operation has started and after it has
/// completed it has no effect; in between either the request or the completion
/// wins, and the operation completes once, in the end, either way. Emitting is
/// allowed on any thread and at any time, from inside a handler as well. An operation that
/// has been asked knows that until its end, also if the signal serves another one by then.
///
/// [`TERMINAL`](CancellationType::TERMINAL) is the request that ends everything, and
/// so does [`ALL`](CancellationType::ALL), which says besides that a milder end would
/// do. An operation honours a request if it can give the guarantee of its
/// [type](CancellationType): those of sockets, timers and channels can give each, but
/// an `async fn` or a [spawned](crate::spawn) future has done who knows what by then,
/// and honours terminal requests alone unless it says otherwise
/// (`#[async_op(cancellation = ..)]`). A request that is not honoured is lost: the
/// operation goes on, and nobody is told. So emit a milder type only where you would
/// rather have the operation go on than have it leave half of its work behind.
///
/// ```
/// use async_op::{IoContext, bind_cancellation_slot, is_cancelled};
/// use async_op::cancel::{CancellationSignal, CancellationType};
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let signal = CancellationSignal::new();
/// let hour = sleep(&context, Duration::from_secs(3600));
/// hour.with(bind_cancellation_slot(signal.slot(), |result: std::io::Result<()>| {
///     assert!(is_cancelled(&result.unwrap_err()));
/// }));
/// signal.emit(CancellationType::TERMINAL);
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Allocation
///
/// One shared block per signal, when it is made, in recycled memory.
#[doc(alias = "cancellation_signal")]
#[doc(alias = "CancellationToken")]
pub struct CancellationSignal {
    state: Shared<SignalState>,
}

/// The receiving end of a [`CancellationSignal`] or of a
/// [`CancellationGroup`](crate::cancel::CancellationGroup), associated with a handler.
///
/// Clones are the same slot.
#[doc(alias = "cancellation_slot")]
#[derive(Clone, Default)]
pub struct CancellationSlot {
    state: Option<Shared<SignalState>>,
}

#[derive(Default)]
pub(super) struct SignalState {
    inner: Mutex<Inner>,
    /// Where the state belongs to a group. Slots of a group share one that serves
    /// nobody: each operation gets a state of its own.
    group: Option<Shared<Members>>,
}

#[derive(Default)]
pub(super) struct Inner {
    /// What the operation that the slot serves has been asked.
    asked: Asked,
    /// Where the group finds this, while the operation is under way.
    place: Option<Place>,
    receiver: Receiver,
    /// The signal has been dropped: nobody will be told any more.
    is_closed: bool,
    /// What is asked before the operation begins is kept for it.
    keeps: bool,
    /// What those have been asked that the slot served before, and that are not over: they
    /// may not have seen it yet.
    earlier: Vec<Asked>,
}

/// What an operation has been asked.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked {
    /// Which one, or none's number.
    operation: OperationId,
    pub(super) requested: CancellationType,
    /// What the operation lets in, and what the operations inside it see.
    pub(super) filter_in: CancellationType,
    pub(super) filter_out: CancellationType,
}

/// How the operation learns of a request.
#[derive(Default)]
pub(super) enum Receiver {
    #[default]
    Nobody,
    /// Where there is no operation yet, what is called when there is.
    Function(Function),
    Waker(Waker),
    /// The operation that has been started on behalf of this one.
    Next(CancellationSlot),
    /// The operation waits, where this finds it, at the address.
    Finder(Finder, usize),
}

impl CancellationSignal {
    /// Makes a signal.
    ///
    /// ```
    /// use async_op::cancel::CancellationSignal;
    ///
    /// let signal = CancellationSignal::new();
    /// let slot = signal.slot();
    /// drop(signal);
    /// assert!(slot.is_connected()); // still, but nobody asks any more
    /// ```
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    pub fn new() -> Self {
        Self::for_use_in("CancellationSignal")
    }

    /// Makes a signal, of which `what` is told to be out of memory.
    pub(crate) fn for_use_in(what: &'static str) -> Self {
        Self {
            state: Shared::new(SignalState::default(), what),
        }
    }

    /// Returns the slot of this signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::CancellationSignal;
    ///
    /// let signal = CancellationSignal::new();
    /// assert!(signal.slot().is_connected());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn slot(&self) -> CancellationSlot {
        CancellationSlot {
            state: Some(Shared::clone(&self.state)),
        }
    }

    /// Asks the operation that the slot serves to stop, if there is one.
    ///
    /// What the operation does at once, it does on this thread, without a lock
    /// of ours.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::{CancellationSignal, CancellationType};
    /// use async_op::sync::Channel;
    /// use async_op::{IoContext, bind_cancellation_slot, is_cancelled};
    /// use std::io;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u32>::new(&context, 0);
    /// let signal = CancellationSignal::new();
    /// channel.receive().with(bind_cancellation_slot(signal.slot(), |result: io::Result<u32>| {
    ///     assert!(is_cancelled(&result.unwrap_err()));
    /// }));
    /// signal.emit(CancellationType::TERMINAL);
    /// context.run();
    /// signal.emit(CancellationType::TERMINAL); // nobody is there any more
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn emit(&self, kind: CancellationType) {
        self.request(kind);
    }

    /// As [`emit`](Self::emit); returns whether there was an operation to ask.
    pub(crate) fn request(&self, kind: CancellationType) -> bool {
        self.state.request(kind)
    }

    /// Calls `function` when the slot begins to serve an operation: that has its
    /// memory then, and has done nothing else.
    pub(crate) fn on_begin(&self, function: impl FnOnce() + Send + 'static) {
        let function = Function::new(move |_| function(), "cancel_after");
        let previous = self.state.lock().set_receiver(Receiver::Function(function));
        previous.discard();
    }

    /// Takes note that nobody will be asked any more.
    pub(crate) fn close(&self) {
        self.state.close();
    }
}

impl SignalState {
    /// Makes the state of the slots of a group.
    pub(super) fn of_group(group: Shared<Members>) -> Self {
        Self {
            inner: Mutex::default(),
            group: Some(group),
        }
    }

    /// Makes the state of an operation in a group, which is found at `place`, and
    /// asked at once for what the group has been asked.
    pub(super) fn of_member(
        group: Shared<Members>,
        place: Option<Place>,
        operation: OperationId,
        honoured: CancellationType,
        requested: CancellationType,
    ) -> Self {
        let inner = Inner {
            asked: Asked {
                requested: requested & honoured,
                ..Asked::of(operation, honoured)
            },
            place,
            // In no place, it will not be asked any more.
            is_closed: place.is_none(),
            ..Inner::default()
        };
        Self {
            inner: Mutex::new(inner),
            group: Some(group),
        }
    }

    /// Asks the operation to stop; returns whether there is one.
    pub(super) fn request(&self, kind: CancellationType) -> bool {
        let mut inner = self.lock();
        let operation = inner.asked.operation;
        if inner.keeps {
            inner.asked.requested = inner.asked.requested | kind;
            return false;
        }
        let kind = kind & inner.asked.filter_in;
        if operation == OperationId::default() || kind.is_empty() {
            return operation != OperationId::default();
        }
        inner.asked.requested = inner.asked.requested | kind;
        if let Receiver::Waker(waker) = &inner.receiver {
            // It stays, for the next request.
            let waker = waker.clone();
            drop(inner);
            trace::cancel_requested(operation, kind);
            waker.wake();
        } else if let Receiver::Next(next) = &inner.receiver {
            let next = next.clone();
            drop(inner);
            trace::cancel_requested(operation, kind);
            next.request(kind);
        } else if let Receiver::Finder(..) = &inner.receiver {
            request_of_leaf(inner, kind);
        } else if let Receiver::Function(mut function) = mem::take(&mut inner.receiver) {
            drop(inner);
            trace::cancel_requested(operation, kind);
            function.call(kind);
        } else {
            drop(inner);
            trace::cancel_requested(operation, kind);
        }
        true
    }

    /// Takes note that nobody will ask any more: an operation that only this could
    /// wake is abandoned.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let receiver = mem::take(&mut inner.receiver);
        drop(inner);
        if let Receiver::Next(CancellationSlot { state: Some(next) }) = &receiver {
            next.close();
        }
        receiver.discard();
    }

    fn end(&self, mut inner: MutexGuard<'_, Inner>, operation: OperationId) -> Receiver {
        if inner.asked.operation != operation {
            inner.forget(operation);
            return Receiver::Nobody;
        }
        inner.asked = Asked::default();
        let place = inner.place.take();
        let receiver = mem::take(&mut inner.receiver);
        drop(inner);
        if let (Some(group), Some(place)) = (&self.group, place) {
            group.leave(place);
        }
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No foreign code runs under the lock but the clone of a waker.
        self.inner.lock()
    }
}

/// Ends an operation that waits; one that does not finds the request by itself.
#[cold]
fn request_of_leaf(mut inner: MutexGuard<'_, Inner>, kind: CancellationType) {
    let operation = inner.asked.operation;
    let receiver = mem::take(&mut inner.receiver);
    drop(inner);
    trace::cancel_requested(operation, kind);
    if let Receiver::Finder(finder, address) = receiver {
        end_leaf(&finder, address, operation);
    }
}

fn end_leaf(finder: &Finder, address: usize, operation: OperationId) {
    if let Some(leaf) = finder.find(address, operation) {
        leaf.end(Ended::Cancelled);
    }
}

impl Default for CancellationSignal {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for CancellationSignal {
    fn drop(&mut self) {
        // Without a slot there is nobody to be told.
        if !Shared::is_only(&self.state) {
            self.state.close();
        }
    }
}

impl fmt::Debug for CancellationSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationSignal").finish_non_exhaustive()
    }
}

impl CancellationSlot {
    /// Returns a slot that no signal ever reaches.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::CancellationSlot;
    ///
    /// assert!(!CancellationSlot::unconnected().is_connected());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub const fn unconnected() -> Self {
        Self { state: None }
    }

    /// Returns whether a signal can reach this slot.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::{CancellationSignal, CancellationSlot};
    ///
    /// assert!(CancellationSignal::new().slot().is_connected());
    /// assert!(!CancellationSlot::default().is_connected());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub const fn is_connected(&self) -> bool {
        self.state.is_some()
    }

    /// The slot whose state is `state`.
    pub(super) const fn of(state: Shared<SignalState>) -> Self {
        Self { state: Some(state) }
    }

    /// Returns the slot of an operation that will be started on behalf of another one, `what`
    /// of which is told to be out of memory.
    pub(crate) fn on_behalf(what: &'static str) -> Self {
        let inner = Inner {
            keeps: true,
            ..Inner::default()
        };
        let state = SignalState {
            inner: Mutex::new(inner),
            group: None,
        };
        Self::of(Shared::new(state, what))
    }

    /// Asks the operation that this serves to stop, or will ask it when it begins.
    pub(super) fn request(&self, kind: CancellationType) {
        let Some(state) = &self.state else { return };
        if !kind.is_empty() {
            state.request(kind);
        }
    }

    /// Makes the slot serve a new operation, which honours the requests in
    /// `honoured`. Returns the slot of that operation: another one in a group.
    pub(super) fn begin(self, operation: OperationId, honoured: CancellationType) -> Self {
        let Some(state) = &self.state else {
            return self;
        };
        if let Some(group) = &state.group {
            return Self::of(Members::begin(group, operation, honoured));
        }
        let mut next = Asked::of(operation, honoured);
        let mut inner = state.lock();
        let is_first = inner.asked.operation == OperationId::default();
        if !inner.asked.requested.is_empty() {
            if mem::take(&mut inner.keeps) {
                next.requested = inner.asked.requested & honoured;
            } else {
                inner.remember();
            }
        }
        inner.keeps = false;
        inner.asked = next;
        let previous = mem::take(&mut inner.receiver);
        drop(inner);
        if !next.requested.is_empty() {
            trace::cancel_requested(operation, next.requested);
        }
        // Outside the lock: functions may be foreign.
        match previous {
            Receiver::Function(mut function) if is_first => {
                function.call(CancellationType::default());
            }
            previous => previous.discard(),
        }
        self
    }

    /// Ends the service to an operation. Returns how that was to learn of a request, for
    /// the caller to drop.
    #[cold]
    pub(super) fn end(&self, operation: OperationId) -> Option<Receiver> {
        let state = self.state.as_ref()?;
        Some(state.end(state.lock(), operation))
    }

    /// As [`end`](Self::end), unless the operation has been asked to stop.
    pub(super) fn end_unless_asked(&self, operation: OperationId) -> Option<Receiver> {
        let state = self.state.as_ref()?;
        let mut inner = state.lock();
        match inner.requested(operation).is_empty() {
            true => Some(state.end(inner, operation)),
            false => None,
        }
    }

    /// Calls `function` at the next request; now if there has been one.
    pub(super) fn set_function(&self, operation: OperationId, mut function: Function) {
        let Some(state) = &self.state else { return };
        let mut inner = state.lock();
        let requested = inner.requested(operation);
        if requested.is_empty() {
            let previous = inner.set_receiver_of(operation, Receiver::Function(function));
            drop(inner);
            previous.discard();
        } else {
            drop(inner);
            function.call(requested);
        }
    }

    /// Has `next` asked for what the operation is asked for, and has been.
    pub(super) fn pass_on(&self, operation: OperationId, next: &Self) {
        let Some(state) = &self.state else { return };
        let mut inner = state.lock();
        next.request(inner.requested(operation));
        let previous = inner.set_receiver_of(operation, Receiver::Next(next.clone()));
        let is_closed = inner.is_closed;
        drop(inner);
        previous.discard();
        if is_closed {
            if let Some(next) = &next.state {
                next.close();
            }
        }
    }

    /// Wakes `waker` at each request.
    pub(super) fn set_waker(&self, operation: OperationId, waker: &Waker) {
        let Some(state) = &self.state else { return };
        let mut inner = state.lock();
        if inner.asked.operation != operation {
            return;
        }
        if let Receiver::Waker(current) = &inner.receiver {
            if current.will_wake(waker) {
                return;
            }
        }
        let previous = inner.set_receiver(Receiver::Waker(waker.clone()));
        drop(inner);
        previous.discard();
    }

    /// Has the operation, which waits, found at the next request; now if there has been
    /// one.
    pub(super) fn set_finder(&self, operation: OperationId, finder: Finder, address: usize) {
        let Some(state) = &self.state else { return };
        let mut inner = state.lock();
        if inner.requested(operation).is_empty() {
            let previous = inner.set_receiver_of(operation, Receiver::Finder(finder, address));
            drop(inner);
            previous.discard();
        } else {
            drop(inner);
            end_leaf(&finder, address, operation);
        }
    }

    pub(super) fn with<R: Default>(
        &self,
        operation: OperationId,
        f: impl FnOnce(&mut Asked) -> R,
    ) -> R {
        let Some(state) = &self.state else {
            return R::default();
        };
        state.lock().asked_of(operation).map(f).unwrap_or_default()
    }
}

impl fmt::Debug for CancellationSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationSlot")
            .field("connected", &self.is_connected())
            .finish()
    }
}

impl Inner {
    /// What `operation` has been asked, unless it is over.
    fn asked_of(&mut self, operation: OperationId) -> Option<&mut Asked> {
        if self.asked.operation == operation {
            return Some(&mut self.asked);
        }
        self.earlier
            .iter_mut()
            .find(|asked| asked.operation == operation)
    }

    fn requested(&mut self, operation: OperationId) -> CancellationType {
        self.asked_of(operation)
            .map(|asked| asked.requested)
            .unwrap_or_default()
    }

    /// Keeps what the operation has been asked that the slot serves now: it is about to
    /// serve another one.
    #[cold]
    fn remember(&mut self) {
        self.earlier.push(self.asked);
    }

    fn forget(&mut self, operation: OperationId) {
        self.earlier.retain(|asked| asked.operation != operation);
    }

    /// As [`set_receiver`](Self::set_receiver), if the slot serves `operation` still.
    fn set_receiver_of(&mut self, operation: OperationId, next: Receiver) -> Receiver {
        if self.asked.operation == operation {
            self.set_receiver(next)
        } else {
            next
        }
    }

    /// Puts `next` in place of the receiver. Returns what is of no use, for the
    /// caller to drop without the lock.
    fn set_receiver(&mut self, next: Receiver) -> Receiver {
        if self.is_closed {
            return next;
        }
        mem::replace(&mut self.receiver, next)
    }
}

impl Receiver {
    /// Drops it. Mostly there is nothing to drop.
    #[inline(always)]
    fn discard(self) {
        match self {
            Self::Nobody => mem::forget(self),
            this => drop(this),
        }
    }
}

impl Asked {
    fn of(operation: OperationId, honoured: CancellationType) -> Self {
        Self {
            operation,
            requested: CancellationType::default(),
            filter_in: honoured,
            filter_out: CancellationType::ALL,
        }
    }
}

#[cfg(all(test, async_op_loom))]
mod loom_tests;
