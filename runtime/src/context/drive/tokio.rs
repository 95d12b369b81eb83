use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{Driving, IoContext};

impl IoContext {
    /// Runs the context in a tokio runtime, until it is [stopped](Self::stop): as a task, or
    /// beside something else.
    ///
    /// There is no other thread, and none is woken for a result: what is ready runs on the
    /// thread that polls this. A task of it that takes long holds up that thread, as one of
    /// tokio's does.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> std::io::Result<()> {
    ///     let context = IoContext::new()?;
    ///     let timer = Timer::new(&context);
    ///     tokio::spawn(async move { context.drive_in_tokio().await });
    ///     timer.expires_after(Duration::from_millis(2));
    ///     timer.wait().await
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it runs the context no more; nothing is lost.
    ///
    /// # Errors
    ///
    /// If the runtime cannot wait for the [descriptor](Self::timeout) of the context:
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) where that runtime drives it already.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O; without timers of the runtime, if the context has one
    /// to wait for; and if a handler does.
    #[cfg_attr(docsrs, doc(cfg(all(unix, feature = "tokio"))))]
    pub async fn drive_in_tokio(&self) -> io::Result<()> {
        let driving = Driving::begin(self);
        // SAFETY: by I1, as this future borrows the context for longer than it has that.
        let fd = unsafe { AsyncFd::register_with_interest(driving.fd, Interest::READABLE) }?;
        loop {
            let mut has_more = self.take_turn();
            if self.stopped() {
                return Ok(());
            }
            let left = self.timeout();
            has_more |= left.is_some_and(|left| left.is_zero());
            let readable = match left {
                _ if has_more => {
                    yield_now().await;
                    continue;
                }
                None => Ok(fd.readable().await),
                Some(left) => timeout(left, fd.readable()).await,
            };
            // Before the next turn: what comes during that makes it readable again.
            if let Ok(readable) = readable {
                readable?.clear_ready();
            }
        }
    }
}
