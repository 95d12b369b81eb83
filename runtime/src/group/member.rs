use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{GroupCondition, NAME};
use crate::cancel::CancellationType;
use crate::signature::Signature;
use crate::task::asked::Asked;

pin_project! {
    /// One operation of a group.
    pub struct Member<S: Signature, F> {
        // `None` once it has completed.
        #[pin]
        future: Option<F>,
        output: Option<S::Output>,
        // By the group, right before it is polled.
        asked: Asked,
    }

    impl<S: Signature, F> PinnedDrop for Member<S, F> {
        fn drop(this: Pin<&mut Self>) {
            this.end();
        }
    }
}

impl<S: Signature, F: Future<Output = S::Output>> Member<S, F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future: Some(future),
            output: None,
            asked: Asked::new(NAME),
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
        this.asked.ask(news);
        let Poll::Ready(output) = this.asked.within(|| future.poll(cx)) else {
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
        this.asked.within(|| this.future.set(None));
        this.asked.end();
    }
}
