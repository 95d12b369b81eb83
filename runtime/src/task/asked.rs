use std::sync::OnceLock;

use super::scope::{OfRequests, Scope};
use crate::cancel::{CancellationState, CancellationType};

/// What something that is polled has been asked, by whoever polls it and by nobody else: so
/// it takes no signal.
pub(crate) struct Asked {
    /// Whose memory it is, where it takes some.
    name: &'static str,
    requested: CancellationType,
    /// The same, for what clears it or filters it: most does not.
    state: OnceLock<CancellationState>,
}

impl Asked {
    #[inline]
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            requested: CancellationType::default(),
            state: OnceLock::new(),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, kind: CancellationType) -> bool {
        self.requested.contains(kind)
    }

    /// Asks for what has not been asked before.
    #[inline]
    pub(crate) fn ask(&mut self, requested: CancellationType) {
        let news = requested.without(self.requested);
        self.requested = self.requested | news;
        if let (Some(state), false) = (self.state.get(), news.is_empty()) {
            state.note(news);
        }
    }

    /// Calls `poll` where what is awaited learns of it.
    #[inline]
    pub(crate) fn within<R>(&self, poll: impl FnOnce() -> R) -> R {
        let scope = Scope::new(OfRequests {
            requested: self.requested,
            state: &self.state,
            name: self.name,
        });
        scope.within(poll)
    }

    /// Ends with what was polled.
    #[inline]
    pub(crate) fn end(&mut self) {
        if self.state.get().is_some() {
            self.end_now();
        }
    }

    #[cold]
    fn end_now(&mut self) {
        let state = self.state.take();
        drop(state.map(|state| state.end()));
    }
}

impl Drop for Asked {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}
