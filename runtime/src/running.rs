//! Operations that have been started with a handler which passes the result on
//! to a future.

use std::task::{Context, Poll, ready};

use crate::alloc::{AnyAllocator, OperationAllocator};
use crate::cancel::{CancellationSignal, CancellationSlot, CancellationType};
use crate::completion::Completion;
use crate::handler::{Associations, CompletionHandler};
use crate::signature::Signature;
use crate::site::Site;
use crate::task::slot::SlotFuture;
use crate::task::{scope, slot};
use crate::trace::Trace;

/// The future's half of an operation that has been started.
///
/// Dropping it discards the result, and asks the operation to stop if it was
/// made to ask.
pub(crate) struct Running<S: Signature + 'static> {
    future: SlotFuture<S>,
    asking: Option<Asking>,
}

impl<S> Running<S>
where
    S: Signature + 'static,
{
    /// Makes both halves; the handler's is to be started with. `asks` says
    /// whether the operation can be asked to stop.
    pub(crate) fn new(site: Site, asks: bool) -> (Self, Relay<S>) {
        let (future, completion) = slot::new(site, Trace::none(site));
        let asking = asks.then(|| Asking::new(site));
        let relay = Relay::new(completion, asking.as_ref());
        (Self { future, asking }, relay)
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<S::Output> {
        if let Some(asking) = &mut self.asking {
            asking.pass_on(scope::requested());
        }
        let args = ready!(self.future.poll(cx));
        Poll::Ready(S::into_output(args))
    }

    /// Returns whether the operation has completed, or been abandoned.
    pub(crate) fn is_over(&self) -> bool {
        self.future.is_over()
    }

    /// Lets the operation go on, and discards its result.
    pub(crate) fn detach(mut self) {
        if let Some(asking) = &mut self.asking {
            asking.is_detached = true;
        }
    }
}

/// Passes on to a started operation what the one that awaits it is asked.
struct Asking {
    signal: CancellationSignal,
    passed_on: CancellationType,
    is_detached: bool,
}

impl Asking {
    fn new(site: Site) -> Self {
        Self {
            signal: CancellationSignal::for_use_in(site.name()),
            passed_on: CancellationType::default(),
            is_detached: false,
        }
    }

    fn pass_on(&mut self, requested: CancellationType) {
        if requested != self.passed_on {
            self.passed_on = requested;
            self.signal.emit(requested);
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_detached {
            self.signal.emit(CancellationType::TERMINAL);
        }
    }
}

/// Passes a result on to a hosted operation, whose allocator and cancellation
/// it shares.
pub(crate) struct Relay<S: Signature + 'static> {
    completion: Completion<S>,
    allocator: AnyAllocator,
    slot: CancellationSlot,
}

impl<S: Signature + 'static> Relay<S> {
    fn new(completion: Completion<S>, asking: Option<&Asking>) -> Self {
        Self {
            completion,
            allocator: scope::allocator(),
            slot: asking.map_or_else(CancellationSlot::unconnected, |asking| asking.signal.slot()),
        }
    }
}

impl<S: Signature + 'static> Associations for Relay<S> {
    fn allocator(&self) -> impl OperationAllocator {
        self.allocator.clone()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.slot.clone()
    }
}

impl<S> CompletionHandler<S> for Relay<S>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
{
    fn complete(self, args: S::Args) {
        let Self {
            completion,
            allocator,
            slot,
        } = self;
        drop((allocator, slot));
        completion.complete_with(args);
    }
}
