//! Signals of the system: what a program is told from outside, of Ctrl-C above all.
//!
//! ```no_run
//! use async_op::IoContext;
//! use async_op::signal::{INTERRUPT, SignalSet};
//!
//! # fn main() -> std::io::Result<()> {
//! let context = IoContext::new()?;
//! let signals = SignalSet::new(&context, [INTERRUPT])?;
//! signals.wait().callback(|_| println!("Ctrl-C"));
//! context.run();
//! # Ok(())
//! # }
//! ```

#[cfg(windows)]
mod console;

#[cfg(windows)]
pub use self::console::SignalSet;
#[cfg(unix)]
#[cfg_attr(docsrs, doc(cfg(feature = "signal")))]
pub use crate::net::signal_set::SignalSet;

/// Ctrl-C, on every system: `SIGINT`.
pub const INTERRUPT: i32 = 2;

/// Ctrl-Break, on Windows: `SIGBREAK`.
#[cfg(windows)]
pub const BREAK: i32 = 21;
