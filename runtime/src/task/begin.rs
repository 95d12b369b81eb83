use std::future::poll_fn;
use std::io;
use std::task::Poll;

use super::{budget, scope};
use crate::cancel::cancelled;

/// Begins an operation that may complete at once: lets others run now and then,
/// and fails if it has been asked to stop.
pub(crate) async fn begin() -> io::Result<()> {
    poll_fn(|cx| {
        if scope::requested().is_empty() {
            budget::proceed(cx).map(Ok)
        } else {
            Poll::Ready(Err(cancelled()))
        }
    })
    .await
}
