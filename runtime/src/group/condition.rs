use crate::cancel::CancellationType;
use crate::signature::{LeadingSignature, Signature};

/// Says when the operations of a group that are outstanding are asked to stop.
///
/// ```
/// use async_op::IoContext;
/// use async_op::cancel::CancellationType;
/// use async_op::executor::post_call;
/// use async_op::group::{GroupCondition, parallel_group};
/// use async_op::Deferred;
///
/// /// Until one operation yields this number.
/// struct Until(u32);
///
/// impl GroupCondition<fn(u32)> for Until {
///     fn completed(&mut self, n: &u32) -> CancellationType {
///         if *n == self.0 { CancellationType::ALL } else { CancellationType::default() }
///     }
/// }
///
/// let context = IoContext::new()?;
/// let calls = (post_call(&context, || 1, Deferred), post_call(&context, || 2, Deferred));
/// let (order, numbers) = parallel_group(calls).wait(Until(2)).blocking();
/// assert_eq!((order, numbers), ([0, 1], (1, 2)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a condition for operations of the signature `{S}`",
    note = "`wait_for_one_success` and `wait_for_one_error` are for operations whose first result is a `Result`"
)]
pub trait GroupCondition<S: Signature>: Send {
    /// One operation has completed: returns what the others are asked, if
    /// anything.
    fn completed(&mut self, output: &S::Output) -> CancellationType;
}

/// Waits for all operations, and asks none to stop.
pub const fn wait_for_all() -> WaitForAll {
    WaitForAll
}

/// Asks the others to stop when one operation has completed.
pub const fn wait_for_one() -> WaitForOne {
    WaitForOne(CancellationType::ALL)
}

/// Asks the others to stop when one operation has completed without an error.
pub const fn wait_for_one_success() -> WaitForOneSuccess {
    WaitForOneSuccess(CancellationType::ALL)
}

/// Asks the others to stop when one operation has completed with an error.
pub const fn wait_for_one_error() -> WaitForOneError {
    WaitForOneError(CancellationType::ALL)
}

/// The condition of [`wait_for_all`].
#[derive(Clone, Copy, Debug)]
pub struct WaitForAll;

impl<S: Signature> GroupCondition<S> for WaitForAll {
    fn completed(&mut self, _: &S::Output) -> CancellationType {
        CancellationType::default()
    }
}

macro_rules! condition {
    ($name:ident, $function:ident) => {
        #[doc = concat!("The condition of [`", stringify!($function), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name(CancellationType);

        impl $name {
            /// Sets what the others are asked: by default any type of
            /// cancellation that they honour.
            #[must_use]
            pub const fn asking_for(self, kind: CancellationType) -> Self {
                Self(kind)
            }

            fn when(self, stop: bool) -> CancellationType {
                if stop {
                    self.0
                } else {
                    CancellationType::default()
                }
            }
        }
    };
}

condition!(WaitForOne, wait_for_one);
condition!(WaitForOneSuccess, wait_for_one_success);
condition!(WaitForOneError, wait_for_one_error);

impl<S: Signature> GroupCondition<S> for WaitForOne {
    fn completed(&mut self, _: &S::Output) -> CancellationType {
        self.when(true)
    }
}

impl<S, V, E> GroupCondition<S> for WaitForOneSuccess
where
    S: LeadingSignature<First = Result<V, E>>,
{
    fn completed(&mut self, output: &S::Output) -> CancellationType {
        self.when(S::first(output).is_ok())
    }
}

impl<S, V, E> GroupCondition<S> for WaitForOneError
where
    S: LeadingSignature<First = Result<V, E>>,
{
    fn completed(&mut self, output: &S::Output) -> CancellationType {
        self.when(S::first(output).is_err())
    }
}
