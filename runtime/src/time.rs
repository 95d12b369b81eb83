//! Timers.
//!
//! [`sleep`](sleep()) lets some time pass. [`Timer`] can be set again, and waited for by several: it
//! goes by the clock that never goes back, [`WallTimer`] by that of the calendar. To
//! limit the time of another operation takes no timer of yours: see
//! [`cancel_after`](crate::cancel_after()).

mod countdown;
mod deadline;
mod moment;
mod sleep;
mod state;
mod timer;
mod waits;
mod wall_timer;
mod when;

pub(crate) use countdown::Countdown;
pub(crate) use deadline::Deadline;
pub(crate) use moment::Moment;
pub use sleep::{async_sleep, async_sleep_until, sleep, sleep_until};
pub(crate) use state::TimerState;
pub use timer::Timer;
pub use wall_timer::WallTimer;
pub(crate) use when::When;
