//! Timers.

mod deadline;
#[cfg(unix)]
mod pause;
mod timer;
mod waits;
mod wall_timer;

pub(crate) use deadline::Deadline;
#[cfg(unix)]
pub(crate) use pause::Pause;
pub use timer::Timer;
pub(crate) use timer::{TimerState, from_now};
pub use wall_timer::WallTimer;
