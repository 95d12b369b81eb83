use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{GroupCondition, NAME};
use crate::cancel::{CancellationSignal, CancellationState, CancellationType};
use crate::signature::Signature;
use crate::task::scope::{self, OfCancellation, Scope};

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
    /// From the first poll on.
    state: Option<CancellationState>,
}

impl Cancellation {
    fn state(&mut self) -> &CancellationState {
        self.state.get_or_insert_with(|| {
            let slot = CancellationSignal::for_use_in(NAME).slot();
            // What the operation honours, it filters itself.
            CancellationState::begin(slot, CancellationType::ALL)
        })
    }
}

/// A pass over the members of a group that are outstanding.
pub(super) struct Pass<'a, C> {
    pub(super) condition: &'a mut C,
    /// What the members are asked with this pass.
    pub(super) news: CancellationType,
    /// What they are to be asked with the next.
    pub(super) asked: CancellationType,
    pub(super) index: usize,
    pub(super) completed: &'a mut dyn FnMut(usize),
    pub(super) outstanding: usize,
}

impl<S: Signature, F: Future<Output = S::Output>> Member<S, F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future: Some(future),
            output: None,
            cancellation: Cancellation::default(),
        }
    }

    pub(super) fn poll<C>(mut self: Pin<&mut Self>, cx: &mut Context<'_>, pass: &mut Pass<'_, C>)
    where
        C: GroupCondition<S>,
    {
        let this = self.as_mut().project();
        let Some(future) = this.future.as_pin_mut() else {
            return;
        };
        let state = this.cancellation.state();
        state.note(pass.news);
        let scope = Scope::new(OfCancellation(state.clone()));
        match scope.within(|| future.poll(cx)) {
            Poll::Pending => pass.outstanding += 1,
            Poll::Ready(output) => {
                drop(scope);
                self.as_mut().end();
                (pass.completed)(pass.index);
                pass.asked = pass.asked | pass.condition.completed(&output);
                *self.project().output = Some(output);
            }
        }
    }

    pub(super) fn is_outstanding(&self) -> bool {
        self.future.is_some()
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
        let Some(state) = this.cancellation.state.take() else {
            return this.future.set(None);
        };
        let scope = Scope::new(OfCancellation(state.clone()));
        scope.within(|| this.future.set(None));
        drop(state.end());
    }
}

/// What a group has been asked from outside, and has passed on.
#[derive(Default)]
pub(super) struct Requests {
    passed_on: CancellationType,
}

impl Requests {
    /// Returns what the members have not been asked yet, of what the group is
    /// asked and of what its condition says.
    pub(super) fn news(&mut self, asked: CancellationType) -> CancellationType {
        let all = scope::requested() | asked;
        let news = all.without(self.passed_on);
        self.passed_on = self.passed_on | news;
        news
    }
}
