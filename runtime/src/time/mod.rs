//! Timers.

mod deadline;
mod pause;
mod timer;
mod waits;
mod wall_timer;

pub(crate) use deadline::Deadline;
pub(crate) use pause::Pause;
pub use timer::Timer;
pub(crate) use timer::{TimerState, from_now};
pub use wall_timer::WallTimer;
