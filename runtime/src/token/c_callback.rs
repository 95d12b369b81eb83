//! Functions of C as handlers.
//!
//! # Invariants
//!
//! - **I1** `function` is called once at the most, with `data`, and `destroy` is
//!   called with it if `function` is not. Whoever made the token, and whoever
//!   added `destroy`, have promised that they may be called on any thread.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::io;
use std::mem::ManuallyDrop;

use super::CompletionToken;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Makes a token of a function of C and a pointer that belongs to it.
///
/// The function receives the results of the operation, as [`IntoC`] has them,
/// and the pointer last.
///
/// ```
/// use async_op::IoContext;
/// use async_op::time::Timer;
/// use async_op::token::{CCallback, c_callback};
/// use std::ffi::{c_int, c_void};
///
/// // What a C library is given, and what it calls.
/// unsafe extern "C" fn on_expired(error: c_int, user_data: *mut c_void) {
///     // SAFETY: the pointer is to a number that outlives the context.
///     unsafe { *user_data.cast::<c_int>() = 10 + error };
/// }
/// let function: unsafe extern "C" fn(c_int, *mut c_void) = on_expired;
/// let mut seen: c_int = 0;
///
/// let context = IoContext::new()?;
/// // SAFETY: `seen` outlives the call, and this thread alone runs the context.
/// let token = unsafe { c_callback(function, (&raw mut seen).cast()) };
/// Timer::new(&context).async_wait(token);
/// assert_eq!(context.run(), 1);
/// assert_eq!(seen, 10);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Results of yours
///
/// [`IntoC`] cannot be implemented for a `Result` with an error of yours, as neither
/// the trait nor the type is yours. Change the result to a type that is:
///
/// ```
/// use async_op::{Completion, IoContext, IoExecutor, async_op};
/// use async_op::token::{IntoC, c_callback};
/// use std::ffi::c_void;
///
/// /// Why the server has refused.
/// struct Refused(i64);
///
/// #[async_op]
/// fn async_count(context: &IoExecutor, op: Completion<fn(Result<u32, Refused>)>) {
///     op.complete(Err(Refused(7)));
/// }
///
/// /// The count, or the negative reason why there is none.
/// struct Reply(Result<u32, Refused>);
///
/// impl IntoC for Reply {
///     type C = i64;
///
///     fn into_c(self) -> i64 {
///         self.0.map_or_else(|Refused(reason)| -reason, i64::from)
///     }
/// }
///
/// unsafe extern "C" fn on_count(reply: i64, user_data: *mut c_void) {
///     // SAFETY: the pointer is to a number that outlives the context.
///     unsafe { *user_data.cast::<i64>() = reply };
/// }
/// let function: unsafe extern "C" fn(i64, *mut c_void) = on_count;
/// let mut seen: i64 = 0;
///
/// let context = IoContext::new()?;
/// // SAFETY: `seen` outlives the call, and this thread alone runs the context.
/// let token = unsafe { c_callback(function, (&raw mut seen).cast()) };
/// count(&context).map(Reply).with(token);
/// context.run();
/// assert_eq!(seen, -7);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Data that is lent
///
/// What [`into_c`](IntoC::into_c) returns belongs to C, and what a result owned is
/// gone by then: pointers into it would dangle. Either hand the whole over, as a box
/// made a pointer, with another function that takes it back; or lend the data for the
/// duration of the call, by a closure in the place of this token:
///
/// ```
/// use async_op::{Completion, IoContext, IoExecutor, async_op};
/// use std::ffi::c_void;
///
/// #[async_op]
/// fn async_name(context: &IoExecutor, op: Completion<fn(Vec<u8>)>) {
///     op.complete(b"name".to_vec());
/// }
///
/// /// What a C library is given: the bytes are its own until the function returns.
/// struct OnName(unsafe extern "C" fn(*const u8, usize, *mut c_void), *mut c_void);
/// // SAFETY: the library's word that the pointer may be used on any thread.
/// unsafe impl Send for OnName {}
///
/// impl OnName {
///     fn call(self, name: &[u8]) {
///         // SAFETY: the bytes are borrowed for the call; it is called once.
///         unsafe { (self.0)(name.as_ptr(), name.len(), self.1) };
///     }
/// }
///
/// unsafe extern "C" fn on_name(_: *const u8, len: usize, user_data: *mut c_void) {
///     // SAFETY: the pointer is to a number that outlives the context.
///     unsafe { *user_data.cast::<usize>() = len };
/// }
/// let mut seen: usize = 0;
///
/// let context = IoContext::new()?;
/// let on_name = OnName(on_name, (&raw mut seen).cast());
/// name(&context).callback(move |name| on_name.call(&name));
/// context.run();
/// assert_eq!(seen, 4);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Programs in C
///
/// One whose `main` is in C is ended by the signal `SIGPIPE`, unless it calls
/// `signal(SIGPIPE, SIG_IGN)`, which is what the start of a program in Rust does.
/// Sockets of this crate do not send it; a pipe, or a `Descriptor`, that is written to
/// when nobody reads does.
///
/// # Allocation
///
/// None but the operation's own.
///
/// # Panics
///
/// A function of C must not unwind; one that does ends the process.
///
/// # Safety
///
/// - `function` may be called once with `data`, on whichever thread completes the
///   operation or runs its executor, until the operation has completed or its
///   handler has been dropped. That is, `data` is the caller's to send.
pub unsafe fn c_callback<F, P>(function: F, data: *mut c_void) -> CCallback<P>
where
    F: CFunction<Pointer = P>,
{
    CCallback {
        function: function.pointer(),
        data,
        destroy: None,
    }
}

/// A function of C as a handler; made by [`c_callback`].
///
/// Functions may be `extern "C"` or `unsafe extern "C"`, with the results of the
/// operation (up to four) and a `*mut c_void`.
#[must_use = "a token does nothing until it is passed to an initiating function"]
pub struct CCallback<F> {
    function: F,
    data: *mut c_void,
    destroy: Option<unsafe extern "C" fn(*mut c_void)>,
}

// SAFETY: by I1 what is called may be called on any thread.
unsafe impl<F: Send> Send for CCallback<F> {}

impl<F> CCallback<F> {
    /// Has `destroy` called with the pointer, if the handler is dropped
    /// uncalled: with its context, for example.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use async_op::token::c_callback;
    /// use std::ffi::{c_int, c_void};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// unsafe extern "C" fn done(_result: c_int, _user_data: *mut c_void) {}
    /// unsafe extern "C" fn gone(user_data: *mut c_void) {
    ///     // SAFETY: it is the number below, which outlives the context.
    ///     unsafe { &*user_data.cast::<AtomicU32>() }.store(1, Ordering::Relaxed);
    /// }
    ///
    /// let is_gone = AtomicU32::new(0);
    /// let user_data = (&raw const is_gone).cast_mut().cast();
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.expires_after(Duration::from_secs(3600));
    /// let function = done as unsafe extern "C" fn(_, _);
    /// // SAFETY: both functions may be called on any thread while the number is there.
    /// timer.async_wait(unsafe { c_callback(function, user_data).or_else(gone) });
    /// drop((timer, context));
    /// assert_eq!(is_gone.into_inner(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Safety
    ///
    /// - `destroy` may be called once with the `data` of [`c_callback`], on
    ///   whichever thread drops the handler.
    pub unsafe fn or_else(mut self, destroy: unsafe extern "C" fn(*mut c_void)) -> Self {
        self.destroy = Some(destroy);
        self
    }
}

impl<F> Drop for CCallback<F> {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: by I1: the function has not been called, nor will be.
            unsafe { destroy(self.data) };
        }
    }
}

impl<F> fmt::Debug for CCallback<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CCallback").finish_non_exhaustive()
    }
}

impl<F> Associations for CCallback<F> {}

// Seldom what somebody meant who passes something that is no token.
#[diagnostic::do_not_recommend]
impl<S, F> CompletionToken<'static, S> for CCallback<F>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    Self: CompletionHandler<S>,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}

/// A pointer to a function of C: it takes up to four results, and a pointer.
///
/// The name of a function is none yet: `f as unsafe extern "C" fn(_, _)` is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pointer to a function of C for an operation",
    label = "not a pointer to a function",
    note = "cast the function: `f as unsafe extern \"C\" fn(_, _)`, with a `_` for each parameter",
    note = "it takes up to four results of the operation, and a `*mut c_void`"
)]
pub trait CFunction: Sealed {
    /// The type of the pointer: this type.
    type Pointer;

    /// Returns the pointer.
    ///
    /// ```
    /// use async_op::token::CFunction;
    /// use std::ffi::{c_int, c_void};
    ///
    /// extern "C" fn done(_result: c_int, _user_data: *mut c_void) {}
    ///
    /// let function = (done as extern "C" fn(_, _)).pointer();
    /// # let _ = function;
    /// ```
    fn pointer(self) -> Self::Pointer;
}

/// Implemented for what is meant alone.
pub trait Sealed {}

/// A result of an operation as C receives it.
///
/// Numbers are themselves. A result of I/O is what a system call returns, but
/// for the error, which is negative: `-ECANCELED`, say, and `-EIO` for what is
/// no error of the system; on Windows `-ERROR_OPERATION_ABORTED` and `-ERROR_IO_DEVICE`. For a type that is not yours, see
/// [`c_callback`](c_callback#results-of-yours).
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no form in C",
    note = "change the result with `Operation::map`, or implement `IntoC` for a type of yours"
)]
pub trait IntoC {
    /// The type in C.
    type C;

    /// Makes it the value in C, which outlives this: not one that points into it.
    ///
    /// ```
    /// use async_op::token::IntoC;
    ///
    /// assert_eq!(Ok::<(), std::io::Error>(()).into_c(), 0);
    /// assert_eq!(Ok::<usize, std::io::Error>(5).into_c(), 5);
    /// let error = std::io::Error::from_raw_os_error(2);
    /// assert_eq!(Err::<(), _>(error).into_c(), -2);
    /// ```
    fn into_c(self) -> Self::C;
}

macro_rules! itself {
    ($($ty:ty)*) => {$(
        impl IntoC for $ty {
            type C = Self;

            fn into_c(self) -> Self {
                self
            }
        }
    )*};
}

itself!(bool i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64);

impl IntoC for io::Result<()> {
    type C = c_int;

    fn into_c(self) -> c_int {
        match self {
            Ok(()) => 0,
            Err(error) => -number_of(&error),
        }
    }
}

impl IntoC for io::Result<usize> {
    type C = isize;

    fn into_c(self) -> isize {
        match self {
            // No buffer is larger than `isize::MAX`.
            Ok(count) => isize::try_from(count).unwrap_or(isize::MAX),
            Err(error) => -isize::try_from(number_of(&error)).unwrap_or(1),
        }
    }
}

/// What the system says in place of errors that are not its own.
#[cfg(unix)]
mod numbers {
    pub(super) const TIMED_OUT: i32 = libc::ETIMEDOUT;
    pub(super) const BROKEN_PIPE: i32 = libc::EPIPE;
    pub(super) const OTHER: i32 = libc::EIO;
}

/// `WSAETIMEDOUT`, `ERROR_BROKEN_PIPE` and `ERROR_IO_DEVICE`.
#[cfg(windows)]
mod numbers {
    pub(super) const TIMED_OUT: i32 = 10060;
    pub(super) const BROKEN_PIPE: i32 = 109;
    pub(super) const OTHER: i32 = 1117;
}

/// Those of WASI: `ETIMEDOUT`, `EPIPE` and `EIO`.
#[cfg(not(any(unix, windows)))]
mod numbers {
    pub(super) const TIMED_OUT: i32 = 73;
    pub(super) const BROKEN_PIPE: i32 = 64;
    pub(super) const OTHER: i32 = 29;
}

/// Returns the number of an error, which is not 0.
fn number_of(error: &io::Error) -> c_int {
    let number = match error.kind() {
        _ if error.raw_os_error().is_some() => error.raw_os_error(),
        io::ErrorKind::TimedOut => Some(numbers::TIMED_OUT),
        io::ErrorKind::BrokenPipe => Some(numbers::BROKEN_PIPE),
        _ => None,
    };
    number
        .filter(|number| *number > 0)
        .unwrap_or(numbers::OTHER)
}

macro_rules! function {
    (($($ty:ident)*) $function:ty) => {
        impl<$($ty),*> Sealed for $function {}

        impl<$($ty),*> CFunction for $function {
            type Pointer = Self;

            fn pointer(self) -> Self {
                self
            }
        }
    };
}

macro_rules! handler {
    ($(($arg:ident $ty:ident))*) => {
        function!(($($ty)*) extern "C" fn($($ty,)* *mut c_void));
        function!(($($ty)*) unsafe extern "C" fn($($ty,)* *mut c_void));

        impl<$($ty: IntoC + 'static),*> CompletionHandler<fn($($ty),*)>
            for CCallback<extern "C" fn($($ty::C,)* *mut c_void)>
        {
            fn complete(self, ($($arg,)*): ($($ty,)*)) {
                // First: where this panics, `destroy` is called.
                $(let $arg = $arg.into_c();)*
                let this = ManuallyDrop::new(self);
                (this.function)($($arg,)* this.data);
            }
        }

        impl<$($ty: IntoC + 'static),*> CompletionHandler<fn($($ty),*)>
            for CCallback<unsafe extern "C" fn($($ty::C,)* *mut c_void)>
        {
            fn complete(self, ($($arg,)*): ($($ty,)*)) {
                // First, as above.
                $(let $arg = $arg.into_c();)*
                let this = ManuallyDrop::new(self);
                // SAFETY: by I1: once, on any thread, with its pointer.
                unsafe { (this.function)($($arg,)* this.data) };
            }
        }
    };
}

handler!();
handler!((a1 A1));
handler!((a1 A1)(a2 A2));
handler!((a1 A1)(a2 A2)(a3 A3));
handler!((a1 A1)(a2 A2)(a3 A3)(a4 A4));
