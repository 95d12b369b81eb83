//! Timers.

mod timer;
mod wall_timer;

pub use timer::Timer;
pub(crate) use timer::TimerState;
pub use wall_timer::WallTimer;
