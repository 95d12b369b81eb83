use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::cancel::{CancellationSignal, CancellationSlot, CancellationType};
use crate::shim::plain::Mutex;

/// What stops an operation, in [`each_cancellation`](super::each_cancellation): asks it, by a [`slot`](Self::slot), or
/// drops its [future](Self::or_dropped).
#[derive(Clone)]
pub struct Cut {
    state: Arc<State>,
}

struct State {
    inner: Mutex<Inner>,
    signal: CancellationSignal,
}

struct Inner {
    /// How many steps are left; none when it is over.
    left: Option<usize>,
    kind: CancellationType,
    waker: Option<Waker>,
    /// Whether anything is stopped by it.
    is_used: bool,
}

impl Cut {
    pub(super) fn new(step: usize) -> Self {
        Self {
            state: Arc::new(State {
                inner: Mutex::new(Inner {
                    left: Some(step),
                    kind: CancellationType::TERMINAL,
                    waker: None,
                    is_used: false,
                }),
                signal: CancellationSignal::new(),
            }),
        }
    }

    /// Returns the slot of the operation that is asked to stop, whatever that leaves behind
    /// ([`TERMINAL`](CancellationType::TERMINAL)). It serves one at a time.
    ///
    /// ```
    /// use async_op::bind_cancellation_slot;
    /// use async_op::io::read_exact;
    /// use async_op::test::{Probe, Script, each_cancellation};
    ///
    /// each_cancellation(|context, cut| {
    ///     let stream = Script::new().read("he").read("llo").on(context);
    ///     let (reads, probe) = (read_exact(&stream, vec![0; 5]), Probe::new());
    ///     reads.with(bind_cancellation_slot(cut.slot(), probe.handler()));
    ///     context.run();
    ///     let (result, _) = probe.take();
    ///     assert!(result.is_ok() || cut.is_over());
    /// });
    /// ```
    pub fn slot(&self) -> CancellationSlot {
        self.state.inner.lock().is_used = true;
        self.state.signal.slot()
    }

    /// Returns the slot of an operation that is asked for `kind`.
    ///
    /// ```
    /// use async_op::bind_cancellation_slot;
    /// use async_op::cancel::CancellationType;
    /// use async_op::io::read_exact;
    /// use async_op::test::{Probe, Script, each_cancellation};
    ///
    /// each_cancellation(|context, cut| {
    ///     let stream = Script::new().read("he").read("llo").on(context);
    ///     let (reads, probe) = (read_exact(&stream, vec![0; 5]), Probe::new());
    ///     reads.with(bind_cancellation_slot(cut.slot_for(CancellationType::TOTAL), probe.handler()));
    ///     context.run();
    ///     let (result, _) = probe.take();
    ///     result.unwrap(); // it has no such guarantee to give, and goes on
    /// });
    /// ```
    pub fn slot_for(&self, kind: CancellationType) -> CancellationSlot {
        self.state.inner.lock().kind = kind;
        self.slot()
    }

    /// Awaits `future`, or drops it when it is to be stopped.
    ///
    /// ```
    /// use async_op::io::read_exact;
    /// use async_op::test::{Script, each_cancellation};
    ///
    /// each_cancellation(|context, cut| {
    ///     let stream = Script::new().read("he").read("llo").on(context);
    ///     let (reads, cut) = (stream.clone(), cut.clone());
    ///     let body = async move {
    ///         let mut buffer = [0; 5];
    ///         let read = cut.or_dropped(read_exact(&reads, &mut buffer)).await;
    ///         read.is_none_or(|result| result.is_ok())
    ///     };
    ///     async_op::spawn(context, body, |is_right: bool| assert!(is_right));
    ///     context.run();
    /// });
    /// ```
    pub async fn or_dropped<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let state = &self.state;
        state.inner.lock().is_used = true;
        poll_fn(move |cx| {
            let waker = cx.waker().clone();
            let mut inner = state.inner.lock();
            if inner.left.is_none() {
                return Poll::Ready(None);
            }
            let old = inner.waker.replace(waker);
            drop(inner);
            drop(old);
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Counts a step, and stops what is to be stopped before it.
    pub(super) fn step(&self) {
        let mut inner = self.state.inner.lock();
        match &mut inner.left {
            None => {}
            Some(0) => {
                inner.left = None;
                let (kind, waker) = (inner.kind, inner.waker.take());
                drop(inner);
                self.state.signal.emit(kind);
                waker.into_iter().for_each(Waker::wake);
            }
            Some(left) => *left -= 1,
        }
    }

    /// Whether it is that of any operation.
    pub(super) fn is_used(&self) -> bool {
        self.state.inner.lock().is_used
    }

    /// Returns whether its time has come: from then on what it is for may have been stopped.
    ///
    /// ```
    /// use async_op::bind_cancellation_slot;
    /// use async_op::io::read_exact;
    /// use async_op::test::{Probe, Script, each_cancellation};
    ///
    /// each_cancellation(|context, cut| {
    ///     let stream = Script::new().read("he").read("llo").on(context);
    ///     let (reads, probe) = (read_exact(&stream, vec![0; 5]), Probe::new());
    ///     reads.with(bind_cancellation_slot(cut.slot(), probe.handler()));
    ///     context.run();
    ///     let (result, _) = probe.take();
    ///     assert!(result.is_ok() || cut.is_over()); // it fails for no other reason
    /// });
    /// ```
    pub fn is_over(&self) -> bool {
        self.state.inner.lock().left.is_none()
    }
}

impl fmt::Debug for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cut")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
