//! Asking an operation to stop.

mod group;
mod hook;
mod signal;

pub use group::CancellationGroup;
pub(crate) use hook::{Function, Hook};
pub use signal::{CancellationSignal, CancellationSlot, CancellationState};

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::{BitAnd, BitOr};
use std::task::Poll;

use crate::task::{budget, scope};

/// How much of its effect a cancelled operation may leave behind.
///
/// The three types are Asio's. A request is for an end of at least this quality: an
/// operation that can give a stronger guarantee honours a request for a weaker one
/// too, and one that cannot give it goes on as if nothing had been asked. So
/// [`TERMINAL`](Self::TERMINAL) ends everything, and [`TOTAL`](Self::TOTAL) only what
/// can end as if it had never begun.
///
/// ```
/// use async_op::CancellationType;
///
/// let asked = CancellationType::PARTIAL | CancellationType::TERMINAL;
/// assert!(asked.contains(CancellationType::TERMINAL));
/// assert_eq!(CancellationType::PARTIAL.and_weaker(), asked);
/// assert_eq!(CancellationType::TOTAL.and_weaker(), CancellationType::ALL);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CancellationType(u8);

impl CancellationType {
    /// The state of the object is unspecified afterwards; it can only be
    /// closed or dropped.
    pub const TERMINAL: Self = Self(1);
    /// The operation may have done part of its work, and says how much.
    pub const PARTIAL: Self = Self(2);
    /// The operation has had no effect.
    pub const TOTAL: Self = Self(4);

    /// All of them.
    pub const ALL: Self = Self(7);

    /// Returns whether this is none of them.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns this and every weaker type: what an operation that can give this
    /// guarantee honours.
    pub const fn and_weaker(self) -> Self {
        match self.0 {
            0 => self,
            1 => Self::TERMINAL,
            2 | 3 => Self(3),
            _ => Self::ALL,
        }
    }

    /// Returns what of `self` is not in `other`.
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether `self` includes all of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for CancellationType {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for CancellationType {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for CancellationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut set = f.debug_set();
        for (bit, name) in [
            (Self::TERMINAL, "terminal"),
            (Self::PARTIAL, "partial"),
            (Self::TOTAL, "total"),
        ] {
            if self.contains(bit) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}

/// Returns whether `error` says that an operation was cancelled.
///
/// It is the system's own error for that, so making one does not allocate.
/// It is never [`Interrupted`](std::io::ErrorKind::Interrupted), which makes
/// loops try again.
///
/// ```
/// use async_op::{IoContext, Timer, is_cancelled};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_secs(3600));
/// timer.wait().callback(|result| assert!(is_cancelled(&result.unwrap_err())));
/// assert_eq!(timer.cancel(), 1);
/// assert_eq!(context.run(), 1);
/// # Ok(())
/// # }
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
/// use async_op::{Blocking, IoContext, Timer, cancel_after, is_cancelled, is_timeout};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_secs(3600));
/// let error = timer.async_wait(cancel_after(Duration::from_millis(1), Blocking)).unwrap_err();
/// assert!(is_timeout(&error) && !is_cancelled(&error));
/// # Ok(())
/// # }
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
/// use async_op::{OperationError, is_cancelled};
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
/// use async_op::{IoContext, Timer, async_op, is_timeout};
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
/// # fn main() -> io::Result<()> {
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// timer.expires_after(Duration::from_secs(3600));
/// let error = work(&timer).cancel_after(Duration::from_millis(1)).blocking().unwrap_err();
/// assert!(error.downcast_ref().is_some_and(is_timeout));
/// # Ok(())
/// # }
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

/// The first argument of a signature, where it can say that time ran out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that an operation ran out of time",
    note = "`cancel_after` is for operations whose first argument is an `io::Result`, or a `Result` whose error implements `OperationError`"
)]
pub trait Expire {
    /// Says that time ran out, where this says that the operation was cancelled.
    fn expire(self) -> Self;
}

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
/// use async_op::{cancelled, is_cancelled};
///
/// assert!(is_cancelled(&cancelled()));
/// ```
pub fn cancelled() -> io::Error {
    io::Error::from_raw_os_error(CANCELLED)
}

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

#[cfg(unix)]
const CANCELLED: i32 = libc::ECANCELED;
/// `ERROR_OPERATION_ABORTED`.
#[cfg(windows)]
const CANCELLED: i32 = 995;
