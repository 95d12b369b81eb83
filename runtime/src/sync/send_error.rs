use std::error::Error;
use std::fmt;
use std::io;

use crate::cancel::OperationError;

/// A value that was not sent, and why: the error of
/// [`Channel::async_send`](super::Channel::async_send).
///
/// `?` makes it an [`io::Error`], without the value.
pub struct SendError<T> {
    value: T,
    error: io::Error,
}

impl<T> SendError<T> {
    pub(super) fn new(value: T, error: impl Into<io::Error>) -> Self {
        Self {
            value,
            error: error.into(),
        }
    }

    /// Returns why the value was not sent.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 1);
    /// channel.close();
    /// let error = channel.send("mine").blocking().unwrap_err();
    /// assert_eq!(error.error().kind(), std::io::ErrorKind::BrokenPipe);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// Returns the value.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::new(&context, 1);
    /// channel.close();
    /// let error = channel.send("mine").blocking().unwrap_err();
    /// assert_eq!(error.into_value(), "mine");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> From<SendError<T>> for io::Error {
    fn from(error: SendError<T>) -> Self {
        error.error
    }
}

impl<T> OperationError for SendError<T> {
    fn is_cancelled(&self) -> bool {
        self.error.is_cancelled()
    }

    fn into_timed_out(self) -> Self {
        Self {
            value: self.value,
            error: self.error.into_timed_out(),
        }
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value was not sent: {}", self.error)
    }
}

impl<T> Error for SendError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
