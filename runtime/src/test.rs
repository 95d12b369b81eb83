//! For those who test operations: a context whose clock stands still, streams that do as
//! they are told, schedules that a seed decides, and faults at every step.
//!
//! A [`TestContext`] is an [`IoContext`](crate::IoContext) for one test. Nothing waits for
//! real time in it, and nothing is random: a limit of half a minute passes at once.
//!
//! ```
//! use async_op::is_timeout;
//! use async_op::io::read_exact;
//! use async_op::test::{Script, TestContext};
//! use std::time::Duration;
//!
//! let context = TestContext::new();
//! let stream = Script::new().read("he").on(&context); // and then nothing more
//! let mut buffer = [0; 5];
//! let read = read_exact(&stream, &mut buffer).cancel_after(Duration::from_secs(30));
//! assert!(is_timeout(&read.blocking().unwrap_err()));
//! assert_eq!(context.elapsed(), Duration::from_secs(30));
//! ```
//!
//! The guide has a page on it: [`test_kit`](crate::guide::test_kit).

mod context;
mod cut;
mod dial;
mod explore;
mod faults;
mod fuse;
mod heap;
mod memory;
mod network;
#[cfg(feature = "net")]
mod polled;
mod probe;
mod replay;
mod script;
mod socket;
mod stream;
mod turn;
mod wire;

pub use context::TestContext;
pub use cut::Cut;
pub use dial::dial;
pub use explore::explore;
pub use faults::{each_allocation_failure, each_cancellation, each_panic};
pub use fuse::{Burning, Fuse};
pub use heap::{CountingHeap, assert_no_allocation};
pub use memory::TestMemory;
pub use network::Network;
pub use probe::{Probe, ProbeHandler};
pub use script::Script;
pub use socket::TestUdpSocket;
pub use stream::TestStream;
pub use wire::{Wire, pair};
