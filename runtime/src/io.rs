//! Buffers, streams, and operations made of several reads and writes, on any stream.
//!
//! - [`ReadBuffer`] and [`WriteBuffer`]: what is read into and written, borrowed or owned;
//! - [`AsyncReadStream`] and [`AsyncWriteStream`]: what has one read and one write;
//!   [`Transport`]: what has both, and an end;
//! - [`read_exact`], [`read_until`], [`read_to_end`], [`write_all`], [`copy`] and others: made
//!   of those; [`read_buf`], one read into a buffer that grows;
//! - [`PollIo`], `FuturesIo` and `TokioIo`: streams of ours for other libraries, and of theirs
//!   for us.

mod condition;
mod copy;
mod error_again;
pub(crate) mod read;
mod read_buf;
mod read_until;
pub(crate) mod some;
mod steps;
mod stream;
#[cfg(any(feature = "futures-io", feature = "tokio-io"))]
mod theirs;
pub(crate) mod transfer;
mod transport;
pub(crate) mod write;

pub use crate::buffer::{AtMost, BufferExt, BufferRange, DynamicBuffer, ReadBuffer, WriteBuffer};
#[cfg(feature = "net")]
pub use crate::net::poll_io::PollIo;
pub use condition::{CompletionCondition, transfer_all, transfer_at_least, transfer_exactly};
pub use copy::{async_copy, copy};
pub use error_again::error_again;
pub(crate) use read::Filling;
pub use read::{async_read, async_read_exact, read, read_exact};
pub use read_buf::{async_read_buf, async_read_to_end, read_buf, read_to_end};
pub use read_until::{Delimiter, async_read_until, read_until};
pub(crate) use stream::append_zeroed;
pub use stream::{AsyncReadStream, AsyncWriteStream};
#[cfg(feature = "futures-io")]
pub use theirs::FuturesIo;
#[cfg(feature = "tokio-io")]
pub use theirs::TokioIo;
pub(crate) use transfer::Report;
pub use transfer::Transfer;
pub use transport::Transport;
#[cfg(feature = "net")]
pub(crate) use transport::transports;
pub(crate) use write::Draining;
pub use write::{async_write, async_write_all, write, write_all};

use std::io::Result;

use crate::cancel;
use crate::task::scope;

/// Ends a composed operation between two steps if it has been asked to. A
/// stream that is always ready need not look.
#[inline]
fn check_cancelled() -> Result<()> {
    if scope::requested().is_empty() {
        Ok(())
    } else {
        Err(cancel::cancelled())
    }
}
