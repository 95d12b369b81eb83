use std::time::{Duration, Instant};

use crate::executor::Unblock;

/// When a call of `run` and its relatives ends.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) limit: usize,
    pub(super) wait: Wait,
    /// Set when a thread drives the context to be unblocked.
    pub(super) unblock: Option<&'a Unblock>,
    /// Whether it is called by a handler of the same context.
    pub(super) nested: bool,
}

/// How long it may wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Never,
    /// Never, and who calls is told by the descriptor of what comes from now on: there need
    /// be one look at the system.
    #[cfg_attr(
        not(all(unix, feature = "net", any(feature = "tokio", feature = "async-io"))),
        allow(dead_code, reason = "of those that are driven by runtimes")
    )]
    Host,
    Until(Instant),
    Forever,
}

/// How long a look for events may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    Zero,
    Until(Option<Instant>),
}

/// What a look for events has found.
pub(super) struct Events {
    #[cfg_attr(
        not(feature = "test"),
        allow(dead_code, reason = "of clocks that stand still")
    )]
    pub(super) are_any: bool,
    /// Whether there are no more.
    pub(super) are_all: bool,
}

impl Wait {
    /// When a wait ends by itself.
    #[inline]
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Until(deadline) => Some(deadline),
            Self::Never | Self::Host | Self::Forever => None,
        }
    }

    /// Whether it may not wait at all.
    #[inline]
    pub(super) fn is_never(self) -> bool {
        matches!(self, Self::Never | Self::Host)
    }

    /// A duration that is too long for the clock is for ever.
    pub(super) fn for_duration(duration: Duration) -> Self {
        match Instant::now().checked_add(duration) {
            Some(deadline) => Self::Until(deadline),
            None => Self::Forever,
        }
    }
}

impl Bounds<'_> {
    /// Whether they may end before there is nothing left to do.
    pub(super) fn may_end(&self) -> bool {
        self.unblock.is_some() || matches!(self.wait, Wait::Until(_))
    }

    /// Whether they have.
    pub(super) fn have_ended(&self) -> bool {
        self.is_unblocked()
            || matches!(self.wait, Wait::Until(deadline) if deadline <= Instant::now())
    }

    #[inline]
    pub(super) fn is_unblocked(&self) -> bool {
        // A call that does not wait ends by itself.
        self.unblock.is_some_and(Unblock::is_set) && !self.wait.is_never()
    }
}
