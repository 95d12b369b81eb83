use std::mem;
use std::task::Waker;

use super::signal::CancellationSlot;
use super::{CancellationType, Function};
use crate::context::Finder;
use crate::task::initiating::OperationId;

/// What one operation knows of requests to stop it.
///
/// The body of an operation gets it from
/// [`this_op::cancellation`](crate::this_op::cancellation). Operations that
/// are awaited inside the body complete with an error once a request has come
/// in, all of them, until [`clear`](Self::clear): so a body that awaits a last
/// message to say good-bye clears the state first.
///
/// ```
/// use async_op::{IoExecutor, async_op, is_cancelled, this_op};
/// use async_op::time::Timer;
/// use std::io;
/// use std::time::Duration;
///
/// #[async_op]
/// async fn async_session(context: &IoExecutor) -> io::Result<u32> {
///     let timer = Timer::new(context);
///     let mut rounds = 0;
///     loop {
///         timer.expires_after(Duration::from_secs(1));
///         match timer.wait().await {
///             Ok(()) => rounds += 1,
///             Err(error) if is_cancelled(&error) => break,
///             Err(error) => return Err(error),
///         }
///     }
///     this_op::cancellation().clear();
///     timer.expires_after(Duration::from_millis(1)); // say good-bye
///     timer.wait().await?;
///     Ok(rounds)
/// }
/// ```
#[doc(alias = "cancellation_state")]
#[derive(Clone, Debug, Default)]
pub struct CancellationState {
    slot: CancellationSlot,
    operation: OperationId,
}

impl CancellationState {
    /// Makes `slot` serve a new operation, which lets in what is `honoured`.
    pub(crate) fn begin(slot: CancellationSlot, honoured: CancellationType) -> Self {
        if !slot.is_connected() {
            return Self::default();
        }
        Self::begin_for(OperationId::new(), slot, honoured)
    }

    /// As [`begin`](Self::begin), where the operation has its number already.
    pub(crate) fn begin_for(
        operation: OperationId,
        slot: CancellationSlot,
        honoured: CancellationType,
    ) -> Self {
        let slot = slot.begin(operation, honoured);
        Self { slot, operation }
    }

    /// Takes note that the operation is over. Returns how it was to learn of
    /// requests, which is foreign, for the caller to drop where that may panic.
    #[must_use]
    #[inline]
    pub(crate) fn end(&self) -> impl Sized + use<> {
        // Most operations cannot be asked.
        self.is_connected().then(|| self.slot.end(self.operation))
    }

    /// As [`end_of_service`](Self::end_of_service), unless the operation has been asked to
    /// stop.
    #[inline]
    pub(crate) fn end_unless_asked(&mut self) {
        if let Some(_receiver) = self.slot.end_unless_asked(self.operation) {
            *self = Self::default();
        }
    }

    /// As [`end`](Self::end), where this is kept for longer than the operation. What listens
    /// is dropped.
    #[inline(always)]
    pub(crate) fn end_of_service(&mut self) {
        if self.is_connected() {
            self.end_now();
        }
    }

    #[cold]
    fn end_now(&mut self) {
        drop(mem::take(self).end());
    }

    #[inline]
    pub(crate) fn is_connected(&self) -> bool {
        self.slot.is_connected()
    }

    /// Calls `function` at the next request; now if there has been one.
    pub(crate) fn set_function(&self, function: Function) {
        self.slot.set_function(self.operation, function);
    }

    /// Has the operation, which waits, found at the next request; now if there has been
    /// one.
    pub(crate) fn set_finder(&self, finder: Finder, address: usize) {
        self.slot.set_finder(self.operation, finder, address);
    }

    /// Returns the slot of an operation that is started on behalf of this one: requests go
    /// there from now on, and those that there have been.
    ///
    /// # Panics
    ///
    /// If no memory can be had.
    pub(crate) fn pass_on(&self, what: &'static str) -> CancellationSlot {
        if !self.is_connected() {
            return CancellationSlot::unconnected();
        }
        let next = CancellationSlot::on_behalf(what);
        self.slot.pass_on(self.operation, &next);
        next
    }

    /// The number by which its requests know the operation; none's, if there can be none.
    #[inline]
    pub(crate) fn operation(&self) -> OperationId {
        self.operation
    }

    /// Wakes `waker` at each request.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        self.slot.set_waker(self.operation, waker);
    }

    /// Takes note of a request, and wakes nobody: the operation is about to be
    /// polled.
    pub(crate) fn note(&self, kind: CancellationType) {
        self.slot.with(self.operation, |inner| {
            inner.requested = inner.requested | (kind & inner.filter_in);
        });
    }

    /// Returns what has been requested.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::this_op;
    ///
    /// // Outside of any operation nobody asks.
    /// assert!(this_op::cancellation().requested().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn requested(&self) -> CancellationType {
        if !self.is_connected() {
            return CancellationType::default();
        }
        self.slot.with(self.operation, |inner| inner.requested)
    }

    /// Returns what the operations inside this one see of that.
    #[inline]
    pub(crate) fn forwarded(&self) -> CancellationType {
        if !self.is_connected() {
            return CancellationType::default();
        }
        self.slot
            .with(self.operation, |inner| inner.requested & inner.filter_out)
    }

    /// Forgets what has been requested.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{IoContext, IoExecutor, async_op, this_op};
    /// use std::io;
    /// use std::time::Duration;
    ///
    /// #[async_op]
    /// async fn async_with_farewell(context: &IoExecutor) -> io::Result<()> {
    ///     let timer = Timer::new(context);
    ///     timer.expires_after(Duration::from_secs(3600));
    ///     let result = timer.wait().await; // fails, as it is asked to stop
    ///     this_op::cancellation().clear();
    ///     timer.expires_after(Duration::from_millis(1));
    ///     timer.wait().await.expect("the request is forgotten");
    ///     result
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert!(with_farewell(&context).cancel_after(Duration::from_millis(1)).blocking().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn clear(&self) {
        self.slot.with(self.operation, |inner| {
            inner.requested = CancellationType::default();
        });
    }

    /// Sets which requests come in from now on, and which of them are passed on
    /// to the operations that are awaited inside.
    ///
    /// An operation starts with those that it [honours](crate::initiation::Meta::honours)
    /// coming in, and all of these being passed on.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::cancel::CancellationType;
    /// use async_op::time::sleep;
    /// use async_op::{IoContext, IoExecutor, async_op, this_op};
    /// use std::io;
    /// use std::time::Duration;
    ///
    /// /// Cannot be stopped half-way.
    /// #[async_op]
    /// async fn async_all_of_it(context: &IoExecutor) -> io::Result<()> {
    ///     let nothing = CancellationType::default();
    ///     this_op::cancellation().set_filters(nothing, nothing);
    ///     sleep(context, Duration::from_millis(3)).await
    /// }
    ///
    /// let context = IoContext::new()?;
    /// all_of_it(&context).cancel_after(Duration::from_millis(1)).blocking()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_filters(&self, incoming: CancellationType, outgoing: CancellationType) {
        self.slot.with(self.operation, |inner| {
            inner.filter_in = incoming;
            inner.filter_out = outgoing;
        });
    }
}
