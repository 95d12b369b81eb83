//! What a program takes from the system.

#[cfg(unix)]
use std::mem;
use std::time::Duration;

/// Returns nothing of what the system would tell in its own way.
#[cfg(not(unix))]
pub(crate) fn of_this_program() -> (Duration, u64) {
    (Duration::ZERO, 0)
}

/// Returns the time on processors, and how often a thread went to sleep, of all threads,
/// those that have ended too.
#[cfg(unix)]
pub(crate) fn of_this_program() -> (Duration, u64) {
    // SAFETY: zeroes are an `rusage`.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the pointer is valid, and nothing else can go wrong.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    let time = |it: libc::timeval| {
        Duration::from_secs(it.tv_sec as u64) + Duration::from_micros(it.tv_usec as u64)
    };
    let switches = usage.ru_nvcsw as u64;
    (time(usage.ru_utime) + time(usage.ru_stime), switches)
}
