//! What ends a wait for events when the time of a timer has come.

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
pub(super) use self::descriptor::Alarm;
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
pub(super) use self::timeout::Alarm;

/// A timer of the system, whose descriptor becomes ready: the timeout of `epoll_wait`
/// counts whole milliseconds.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
mod descriptor {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::ptr;

    use mio::Interest;
    use mio::unix::SourceFd;

    use super::{Duration, Instant, Registry, Token, io};

    /// For how long an alarm that has gone off is the last one: where timers are due all
    /// the time, those of so long are worth a wake together.
    const PAUSE: Duration = Duration::from_micros(40);

    pub(in crate::context) struct Alarm {
        timer: OwnedFd,
        /// When it goes off, or has gone off.
        set_for: Option<Instant>,
    }

    impl Alarm {
        pub(in crate::context) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
            // SAFETY: the call takes no pointer.
            let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
            if timer == -1 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: just made, and nobody else's.
            let timer = unsafe { OwnedFd::from_raw_fd(timer) };
            let fd = timer.as_raw_fd();
            registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
            Ok(Self {
                timer,
                set_for: None,
            })
        }

        /// Has a wait that is about to begin end when `deadline` has come, or before;
        /// returns how long it may be besides.
        pub(in crate::context) fn set(&mut self, deadline: Instant) -> Option<Duration> {
            let now = Instant::now();
            if deadline <= now {
                return Some(Duration::ZERO);
            }
            let time = match self.set_for {
                // It has gone off.
                Some(set_for) if set_for <= now => deadline.max(set_for + PAUSE),
                // It goes off too early if the deadline that it was for has been removed.
                // To set it for each that is the earliest costs more.
                Some(set_for) if set_for <= deadline => return None,
                _ => deadline,
            };
            self.set_for = Some(time);
            // Never zero, which would be no alarm.
            let left = (time - now).max(Duration::from_nanos(1));
            self.start(left);
            None
        }

        fn start(&self, left: Duration) {
            let once = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let left = libc::timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
                tv_nsec: left.subsec_nanos() as _,
            };
            let value = libc::itimerspec {
                it_interval: once,
                it_value: left,
            };
            let timer = self.timer.as_raw_fd();
            // SAFETY: reads an `itimerspec`, and writes none where the pointer is null.
            let result =
                unsafe { libc::timerfd_settime(timer, 0, &raw const value, ptr::null_mut()) };
            assert_eq!(result, 0, "a timer of the system takes any time to come");
        }
    }
}

/// The timeout of the wait itself.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
mod timeout {
    use super::{Duration, Instant, Registry, Token, io};

    pub(in crate::context) struct Alarm;

    impl Alarm {
        pub(in crate::context) fn new(_: &Registry, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        /// Returns how long a wait may be that is about to begin and to end when
        /// `deadline` has come.
        pub(in crate::context) fn set(&mut self, deadline: Instant) -> Option<Duration> {
            Some(deadline.saturating_duration_since(Instant::now()))
        }
    }
}
