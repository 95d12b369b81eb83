use std::cell::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{GroupCondition, NAME};
use crate::cancel::{CancellationSignal, CancellationState, CancellationType};
use crate::signature::Signature;
use crate::task::scope::{OfRequests, Scope};

pin_project! {
    /// One operation of a group.
    pub struct Member<S: Signature, F> {
        // `None` once it has completed.
        #[pin]
        future: Option<F>,
        output: Option<S::Output>,
        cancellation: Cancellation,
    }

    impl<S: Signature, F> PinnedDrop for Member<S, F> {
        fn drop(this: Pin<&mut Self>) {
            this.end();
        }
    }
}

/// What a member is asked: by the group alone, right before it is polled.
#[derive(Default)]
struct Cancellation {
    requested: CancellationType,
    /// The same, for a member that clears it or filters it: most do not.
    state: OnceCell<CancellationState>,
}

impl Cancellation {
    fn note(&mut self, news: CancellationType) {
        self.requested = self.requested | news;
        if let Some(state) = self.state.get() {
            state.note(news);
        }
    }

    fn scope(&self) -> Scope<OfRequests<'_>> {
        Scope::new(OfRequests {
            requested: self.requested,
            state: &self.state,
            begin: |requested| {
                let slot = CancellationSignal::for_use_in(NAME).slot();
                // What the operation honours, it filters itself.
                let state = CancellationState::begin(slot, CancellationType::ALL);
                state.note(requested);
                state
            },
        })
    }
}

impl<S: Signature, F: Future<Output = S::Output>> Member<S, F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future: Some(future),
            output: None,
            cancellation: Cancellation::default(),
        }
    }

    /// Polls it, with what it has not been asked yet; returns whether it has just completed.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        news: CancellationType,
    ) -> bool {
        let this = self.as_mut().project();
        let Some(future) = this.future.as_pin_mut() else {
            return false;
        };
        this.cancellation.note(news);
        let scope = this.cancellation.scope();
        let Poll::Ready(output) = scope.within(|| future.poll(cx)) else {
            return false;
        };
        self.as_mut().end();
        *self.project().output = Some(output);
        true
    }

    /// Returns what the others are asked, now that it has completed.
    pub(super) fn completed<C>(self: Pin<&mut Self>, condition: &mut C) -> CancellationType
    where
        C: GroupCondition<S>,
    {
        let output = self.project().output.as_ref();
        condition.completed(output.expect("it has just completed"))
    }

    pub(super) fn take(self: Pin<&mut Self>) -> S::Output {
        let output = self.project().output.take();
        output.expect("all members have completed")
    }
}

impl<S: Signature, F> Member<S, F> {
    /// Drops the future, where what it awaits can learn what it was asked.
    fn end(self: Pin<&mut Self>) {
        let mut this = self.project();
        let scope = this.cancellation.scope();
        scope.within(|| this.future.set(None));
        if let Some(state) = this.cancellation.state.take() {
            drop(state.end());
        }
    }
}
