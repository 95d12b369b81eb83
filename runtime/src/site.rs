use std::ops::Deref;
#[cfg(feature = "tracing")]
use std::panic::Location;

use crate::meta::Meta;

/// What is known of an operation when it is made: its description and, where
/// operations are traced, the line of whoever made it.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    meta: &'static Meta,
    #[cfg(feature = "tracing")]
    caller: &'static Location<'static>,
}

impl Site {
    /// The caller's caller made the operation, where that says `track_caller`.
    #[track_caller]
    #[inline]
    pub(crate) fn here(meta: &'static Meta) -> Self {
        Self {
            meta,
            #[cfg(feature = "tracing")]
            caller: Location::caller(),
        }
    }

    pub(crate) fn meta(&self) -> &'static Meta {
        self.meta
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn caller(&self) -> &'static Location<'static> {
        self.caller
    }

    /// The end of a message: which line made the operation, where that is known.
    #[cfg(feature = "tracing")]
    pub(crate) fn started(&self) -> String {
        format!("; it was started at {}", self.caller)
    }

    /// The end of a message: nothing.
    #[cfg(not(feature = "tracing"))]
    pub(crate) fn started(&self) -> &'static str {
        ""
    }
}

impl Deref for Site {
    type Target = Meta;

    fn deref(&self) -> &Meta {
        self.meta
    }
}
