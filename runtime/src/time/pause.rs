use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::cancel::error::context_gone;
use crate::context::{Due, IoExecutor, Reactor, TimerKey};

/// A moment that one operation lets pass.
pub(crate) struct Pause<'a> {
    reactor: &'a Reactor,
    end: Instant,
    /// The entry in the reactor, from the first poll on.
    entry: Option<TimerKey>,
}

impl<'a> Pause<'a> {
    /// Begins a pause until `end`.
    pub(crate) fn until(reactor: &'a Reactor, end: Instant) -> Self {
        Self {
            reactor,
            end,
            entry: None,
        }
    }

    /// Waits for the end; `executor` is one of the reactor's context.
    ///
    /// # Errors
    ///
    /// If the context is gone.
    pub(crate) fn poll(&mut self, executor: &IoExecutor, cx: &Context<'_>) -> io::Result<Poll<()>> {
        self.withdraw();
        if self.end <= self.reactor.now() {
            return Ok(Poll::Ready(()));
        }
        let due = Due::Waker(cx.waker().clone());
        let added = self.reactor.add_timer(self.end, due);
        let (key, is_earliest) = added.map_err(|_| context_gone())?;
        self.entry = Some(key);
        if is_earliest {
            executor.interrupt();
        }
        Ok(Poll::Pending)
    }

    fn withdraw(&mut self) {
        if let Some(key) = self.entry.take() {
            self.reactor.remove_timer(key);
        }
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
