//! Timers.
//!
//! [`Timer`] waits by the clock that never goes back, [`WallTimer`] by that of the calendar. To
//! limit the time of another operation takes no timer of yours: see
//! [`cancel_after`](crate::cancel_after()).

mod deadline;
#[cfg(any(all(unix, feature = "net"), feature = "test"))]
mod pause;
mod state;
mod timer;
mod waits;
mod wall_timer;

pub(crate) use deadline::Deadline;
#[cfg(any(all(unix, feature = "net"), feature = "test"))]
pub(crate) use pause::Pause;
pub(crate) use state::TimerState;
pub use timer::Timer;
pub(crate) use timer::from_now;
pub use wall_timer::WallTimer;
