//! Timers.
//!
//! [`Timer`] waits by the clock that never goes back, [`WallTimer`] by that of the calendar. To
//! limit the time of another operation takes no timer of yours: see
//! [`cancel_after`](crate::cancel_after()).

mod countdown;
mod deadline;
#[cfg(all(unix, feature = "net"))]
mod pause;
mod state;
mod timer;
mod waits;
mod wall_timer;

pub(crate) use countdown::Countdown;
pub(crate) use deadline::Deadline;
#[cfg(all(unix, feature = "net"))]
pub(crate) use pause::Pause;
pub(crate) use state::TimerState;
pub use timer::Timer;
pub(crate) use timer::from_now;
pub use wall_timer::WallTimer;
