use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use async_op::{
    Completion, CompletionHandler, Handler, Initiation, IoExecutor, Operation, UseFuture, async_op,
};

/// The signature of all of them.
pub type Number = fn(u32);

/// What the test has to complete.
type Op = Completion<Number>;

/// An operation that completes with a number when the test says so, written in
/// one of the two forms. A value is one such operation.
pub trait Form: Clone + Default + Send + Sync + 'static {
    /// The names of the operation: at once, and later.
    const NAMES: [&'static str; 2];

    /// Starts an operation that completes at once.
    fn start_now<H: CompletionHandler<Number>>(context: &IoExecutor, handler: H);

    /// Starts this operation.
    fn start<H: CompletionHandler<Number>>(&self, context: &IoExecutor, handler: H);

    /// Returns the future of an operation that completes at once.
    fn future_now(context: &IoExecutor) -> impl Future<Output = u32> + Send + 'static;

    /// Returns the future of this operation.
    fn future(&self, context: &IoExecutor) -> impl Future<Output = u32> + Send + 'static;

    /// Returns this operation, not started.
    fn operation(
        &self,
        context: &IoExecutor,
    ) -> Operation<Number, impl Initiation<Number> + 'static>;

    /// Completes this operation, on the calling thread.
    fn finish(&self, value: u32);

    /// Gives this operation up.
    fn abandon(&self);
}

/// A handler-form operation: its `Completion` is kept here.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    op: Arc<Mutex<Option<Op>>>,
}

impl Hold {
    /// Keeps a completion.
    pub fn put(&self, op: Op) {
        let old = self.lock().replace(op);
        assert!(old.is_none(), "one operation at a time");
    }

    /// Takes the completion out.
    pub fn take(&self) -> Option<Op> {
        self.lock().take()
    }

    /// Returns whether there is one.
    pub fn is_kept(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Op>> {
        self.op.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an async-form operation waits for. Counts its polls.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    state: Arc<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    inner: Mutex<(Option<u32>, Option<Waker>)>,
    polls: AtomicUsize,
}

impl Gate {
    /// Waits for the gate to open.
    pub async fn wait(&self) -> u32 {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Opens the gate.
    pub fn open(&self, value: u32) {
        let mut inner = self.lock();
        inner.0 = Some(value);
        let waker = inner.1.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes the operation for nothing.
    pub fn wake(&self) {
        let waker = self.lock().1.clone();
        waker.expect("somebody waits").wake();
    }

    /// Takes the waker out.
    pub fn take_waker(&self) -> Option<Waker> {
        self.lock().1.take()
    }

    /// Returns how often the operation has been polled.
    pub fn polls(&self) -> usize {
        self.state.polls.load(Ordering::SeqCst)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<u32> {
        self.state.polls.fetch_add(1, Ordering::SeqCst);
        let mut inner = self.lock();
        match inner.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                let old = inner.1.replace(cx.waker().clone());
                drop(inner);
                drop(old);
                Poll::Pending
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Option<u32>, Option<Waker>)> {
        self.state
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_op]
fn async_handler_now(_context: &IoExecutor, op: Completion<Number>) {
    op.complete(1);
}

#[async_op]
fn async_handler_later(_context: &IoExecutor, hold: Hold, op: Completion<Number>) {
    hold.put(op);
}

#[async_op]
async fn async_future_now(_context: &IoExecutor) -> u32 {
    1
}

#[async_op]
async fn async_future_later(_context: &IoExecutor, gate: Gate) -> u32 {
    gate.wait().await
}

/// Operations in handler form.
#[derive(Clone, Debug, Default)]
pub struct HandlerForm {
    /// Where the completion is kept.
    pub hold: Hold,
}

/// Operations in async form.
#[derive(Clone, Debug, Default)]
pub struct AsyncForm {
    /// What the operation waits for.
    pub gate: Gate,
}

impl Form for HandlerForm {
    const NAMES: [&'static str; 2] = ["async_handler_now", "async_handler_later"];

    fn start_now<H: CompletionHandler<Number>>(context: &IoExecutor, handler: H) {
        async_handler_now(context, Handler(handler));
    }

    fn start<H: CompletionHandler<Number>>(&self, context: &IoExecutor, handler: H) {
        async_handler_later(context, self.hold.clone(), Handler(handler));
    }

    fn future_now(context: &IoExecutor) -> impl Future<Output = u32> + Send + 'static {
        async_handler_now(context, UseFuture)
    }

    fn future(&self, context: &IoExecutor) -> impl Future<Output = u32> + Send + 'static {
        async_handler_later(context, self.hold.clone(), UseFuture)
    }

    fn operation(
        &self,
        context: &IoExecutor,
    ) -> Operation<Number, impl Initiation<Number> + 'static> {
        handler_later(context, self.hold.clone())
    }

    fn finish(&self, value: u32) {
        let op = self.hold.take().expect("the operation has started");
        op.complete(value);
    }

    fn abandon(&self) {
        drop(self.hold.take().expect("the operation has started"));
    }
}

impl Form for AsyncForm {
    const NAMES: [&'static str; 2] = ["async_future_now", "async_future_later"];

    fn start_now<H: CompletionHandler<Number>>(context: &IoExecutor, handler: H) {
        async_future_now(context, Handler(handler));
    }

    fn start<H: CompletionHandler<Number>>(&self, context: &IoExecutor, handler: H) {
        async_future_later(context, self.gate.clone(), Handler(handler));
    }

    fn future_now(context: &IoExecutor) -> impl Future<Output = u32> + Send + 'static {
        async_future_now(context, UseFuture)
    }

    fn future(&self, context: &IoExecutor) -> impl Future<Output = u32> + Send + 'static {
        async_future_later(context, self.gate.clone(), UseFuture)
    }

    fn operation(
        &self,
        context: &IoExecutor,
    ) -> Operation<Number, impl Initiation<Number> + 'static> {
        future_later(context, self.gate.clone())
    }

    fn finish(&self, value: u32) {
        self.gate.open(value);
    }

    fn abandon(&self) {
        drop(self.gate.take_waker().expect("the operation waits"));
    }
}
