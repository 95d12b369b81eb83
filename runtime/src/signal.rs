//! Signals of the system.

pub use crate::net::signal_set::SignalSet;
