use std::time::{Duration, Instant};

use crate::context::IoExecutor;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// When something is over, counted from its start or not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    After(Duration),
    At(Instant),
}

impl When {
    /// Returns the time, for a start now, by the clock of `timers`; a duration that is too
    /// long for that is taken as a century.
    #[inline]
    pub(crate) fn expiry(self, timers: &IoExecutor) -> Instant {
        match self {
            Self::After(duration) => {
                let now = timers.now();
                now.checked_add(duration).unwrap_or_else(|| now + CENTURY)
            }
            Self::At(instant) => instant,
        }
    }

    /// Returns whether there is nothing to wait for.
    #[inline]
    pub(crate) fn is_past(self, timers: &IoExecutor) -> bool {
        match self {
            Self::After(duration) => duration.is_zero(),
            Self::At(instant) => instant <= timers.now(),
        }
    }
}
