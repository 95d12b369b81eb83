//! How a result says that an operation was cancelled, ran out of time, or has lost its
//! context.

use std::error::Error;
use std::io;

/// Returns whether `error` says that an operation was cancelled.
///
/// It is the system's own error for that, so making one does not allocate.
/// It is never [`Interrupted`](std::io::ErrorKind::Interrupted), which makes
/// loops try again.
///
/// ```
/// use async_op::{IoContext, is_cancelled};
/// use async_op::time::Timer;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_secs(3600));
/// timer.wait().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
/// assert_eq!(timer.cancel(), 1);
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_cancelled(error: &io::Error) -> bool {
    error.raw_os_error() == Some(CANCELLED)
}

/// Returns whether `error` says that the time of an operation has run out, as
/// [`cancel_after`](crate::cancel_after) has it.
///
/// Its kind is [`TimedOut`](io::ErrorKind::TimedOut). The system has an error of
/// that kind too, of a connection whose peer does not answer; that is not this.
///
/// ```
/// use async_op::{IoContext, is_cancelled, is_timeout};
/// use async_op::time::sleep;
/// use std::time::Duration;
///
/// let context = IoContext::new()?;
/// let hour = sleep(&context, Duration::from_secs(3600));
/// let error = hour.cancel_after(Duration::from_millis(1)).blocking().unwrap_err();
/// assert!(is_timeout(&error) && !is_cancelled(&error));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// An error that can say that an operation was cancelled, or ran out of time.
///
/// For the errors of operations of your own, so that
/// [`cancel_after`](crate::cancel_after) serves them too.
///
/// ```
/// use async_op::is_cancelled;
/// use async_op::cancel::OperationError;
/// use std::io;
///
/// enum QueryError {
///     Io(io::Error),
///     TimedOut,
/// }
///
/// impl OperationError for QueryError {
///     fn is_cancelled(&self) -> bool {
///         matches!(self, Self::Io(error) if is_cancelled(error))
///     }
///
///     fn into_timed_out(self) -> Self {
///         Self::TimedOut
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that can say an operation ran out of time",
    label = "not the error of an operation that is cancelled",
    note = "complete with an `io::Error`, or implement `OperationError` for an error of yours"
)]
pub trait OperationError {
    /// Returns whether this says that the operation was cancelled.
    fn is_cancelled(&self) -> bool;

    /// Returns the error which says that the operation, cancelled as this
    /// says, ran out of time.
    fn into_timed_out(self) -> Self;
}

/// Cancelled is a boxed [`io::Error`] that says so, as `?` makes one; the error of
/// the time that ran out is an [`io::Error`], too. What holds such an error as its
/// source stays as it is: put the limit where the operation is, not around what
/// wraps its errors.
///
/// ```
/// use async_op::{IoContext, async_op, is_timeout};
/// use async_op::time::Timer;
/// use std::error::Error;
/// use std::io;
/// use std::time::Duration;
///
/// #[async_op]
/// async fn async_work(timer: &Timer) -> Result<u32, Box<dyn Error + Send + Sync>> {
///     timer.wait().await?;
///     Ok("7".parse()?)
/// }
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_secs(3600));
/// let error = work(&timer).cancel_after(Duration::from_millis(1)).blocking().unwrap_err();
/// assert!(error.downcast_ref().is_some_and(is_timeout));
/// # Ok::<(), std::io::Error>(())
/// ```
impl OperationError for Box<dyn Error + Send + Sync> {
    fn is_cancelled(&self) -> bool {
        self.downcast_ref().is_some_and(is_cancelled)
    }

    fn into_timed_out(self) -> Self {
        Box::new(io::Error::from(io::ErrorKind::TimedOut))
    }
}

impl OperationError for io::Error {
    fn is_cancelled(&self) -> bool {
        is_cancelled(self)
    }

    fn into_timed_out(self) -> Self {
        io::ErrorKind::TimedOut.into()
    }
}

/// The first argument of a signature, under a limit on time.
///
/// A `Result` says that time ran out, if its error can. What has nothing to say of errors
/// stays as it is: an `Option`, a `bool`, a number. Of a type of yours it is one line.
///
/// ```
/// use async_op::cancel::Expire;
///
/// struct Rows(Vec<String>);
///
/// impl Expire for Rows {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that an operation ran out of time",
    note = "the error of a `Result` implements `OperationError`; another type says `impl Expire for {Self} {{}}`, and stays as it is"
)]
pub trait Expire: Sized {
    /// Says that time ran out, where this says that the operation was cancelled.
    ///
    /// ```
    /// use async_op::cancel::{Expire, cancelled};
    /// use async_op::is_timeout;
    /// use std::io;
    ///
    /// let result: io::Result<u32> = Err(cancelled());
    /// assert!(is_timeout(&result.expire().unwrap_err()));
    /// let result: io::Result<u32> = Ok(7); // in time all the same
    /// assert_eq!(result.expire().unwrap(), 7);
    /// ```
    fn expire(self) -> Self {
        self
    }
}

macro_rules! says_nothing {
    ($($ty:ty),*) => {
        $(impl Expire for $ty {})*
    };
}

says_nothing!(
    (),
    bool,
    char,
    String,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    f32,
    f64
);

impl<T> Expire for Option<T> {}

impl<T> Expire for Vec<T> {}

impl<T, const N: usize> Expire for [T; N] {}

impl<T, E: OperationError> Expire for Result<T, E> {
    fn expire(self) -> Self {
        match self {
            Err(error) if error.is_cancelled() => Err(error.into_timed_out()),
            other => other,
        }
    }
}

/// Returns the error of an operation that has been cancelled, which
/// [`is_cancelled`] recognises.
///
/// For the operations of yours that [`Completion::on_cancel`](crate::Completion::on_cancel)
/// ends.
///
/// ```
/// use async_op::is_cancelled;
/// use async_op::cancel::cancelled;
///
/// assert!(is_cancelled(&cancelled()));
/// ```
pub fn cancelled() -> io::Error {
    io::Error::from_raw_os_error(CANCELLED)
}

#[cfg(unix)]
const CANCELLED: i32 = libc::ECANCELED;
/// `ERROR_OPERATION_ABORTED`.
#[cfg(windows)]
const CANCELLED: i32 = 995;
/// `ECANCELED` of WASI.
#[cfg(not(any(unix, windows)))]
const CANCELLED: i32 = 11;

/// The error of an operation whose context has been dropped.
pub(crate) fn context_gone() -> io::Error {
    io::Error::other("the `IoContext` of this object has been dropped")
}
