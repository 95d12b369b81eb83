use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use async_io::{Async, Timer};

use super::{Driving, IoContext};

impl IoContext {
    /// Runs the context where `async-io` waits for events, as it does for `smol`, until it is
    /// [stopped](Self::stop): as a task, or beside something else.
    ///
    /// What is ready runs on the thread that polls this. Whatever runtime that is: where it
    /// is not one that waits in `async-io` itself, that does on a thread of its own.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::sleep;
    /// use futures_lite::future::or;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let context = IoContext::new()?;
    /// let work = sleep(&context, Duration::from_millis(2));
    /// async_io::block_on(or(work, context.drive_in_async_io())) // as `smol::block_on`
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it runs the context no more; nothing is lost.
    ///
    /// # Errors
    ///
    /// If the system cannot wait for the [descriptor](Self::timeout) of the context:
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) where `async-io` waits for it already.
    ///
    /// # Panics
    ///
    /// If a handler does.
    #[cfg_attr(docsrs, doc(cfg(all(unix, feature = "async-io"))))]
    pub async fn drive_in_async_io(&self) -> io::Result<()> {
        let driving = Driving::begin(self);
        let fd = Async::new_nonblocking(driving.fd)?;
        loop {
            let mut has_more = self.take_turn();
            if self.stopped() {
                return Ok(());
            }
            let left = self.timeout();
            has_more |= left.is_some_and(|left| left.is_zero());
            let mut is_first = true;
            let mut timer = pin!(left.map_or_else(Timer::never, Timer::after));
            poll_fn(|cx| {
                if has_more && std::mem::take(&mut is_first) {
                    // Others have their turn.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                match timer.as_mut().poll(cx) {
                    _ if has_more => Poll::Ready(Ok(())),
                    Poll::Ready(_) => Poll::Ready(Ok(())),
                    Poll::Pending => fd.poll_readable(cx),
                }
            })
            .await?;
        }
    }
}
