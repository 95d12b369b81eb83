//! In which scope this thread is: an address, of which [`scope`](super::scope) alone knows
//! what is there. Those who leave all scopes need not know.

use std::cell::Cell;
use std::ptr;

use crate::shim::thread_local;

thread_local! {
    /// Null outside all scopes.
    pub(super) static CURRENT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// Restores the scope that was left, when dropped.
pub(crate) struct Outside(*const ());

/// Leaves all scopes until the result is dropped: a handler that is called inside
/// a poll is no part of what is polled.
#[inline]
pub(crate) fn outside() -> Outside {
    Outside(CURRENT.with(|current| current.replace(ptr::null())))
}

impl Drop for Outside {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}
