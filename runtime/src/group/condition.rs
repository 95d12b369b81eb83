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
///
/// ```
/// use async_op::IoContext;
/// use async_op::group::{parallel_group, wait_for_all};
/// use async_op::sync::Channel;
///
/// let context = IoContext::new()?;
/// let [a, b] = [1, 1].map(|capacity| Channel::<u8>::new(&context, capacity));
/// a.try_send(1)?;
/// b.try_send(2)?;
/// let group = parallel_group((a.receive(), b.receive())).wait(wait_for_all());
/// let (order, (a, b)) = group.blocking();
/// assert_eq!((order, a?, b?), ([0, 1], 1, 2));
/// # Ok::<(), std::io::Error>(())
/// ```
pub const fn wait_for_all() -> WaitForAll {
    WaitForAll
}

/// Asks the others to stop when one operation has completed.
///
/// ```
/// use async_op::IoContext;
/// use async_op::group::{parallel_group, wait_for_one};
/// use async_op::sync::Channel;
///
/// let context = IoContext::new()?;
/// let [a, b] = [1, 1].map(|capacity| Channel::<u8>::new(&context, capacity));
/// b.try_send(2)?;
/// let group = parallel_group((a.receive(), b.receive())).wait(wait_for_one());
/// let (order, (a, b)) = group.blocking();
/// assert_eq!((order[0], b?), (1, 2));
/// assert!(a.is_err()); // asked to stop
/// # Ok::<(), std::io::Error>(())
/// ```
pub const fn wait_for_one() -> WaitForOne {
    WaitForOne(CancellationType::ALL)
}

/// Asks the others to stop when one operation has completed without an error.
///
/// ```
/// use async_op::IoContext;
/// use async_op::group::{parallel_group, wait_for_one_success};
/// use async_op::sync::Channel;
///
/// let context = IoContext::new()?;
/// let [a, b] = [1, 1].map(|capacity| Channel::<u8>::new(&context, capacity));
/// a.close();
/// b.try_send(2)?;
/// let group = parallel_group((a.receive(), b.receive())).wait(wait_for_one_success());
/// let (order, (a, b)) = group.blocking();
/// assert_eq!((order, b?), ([0, 1], 2));
/// assert!(a.is_err()); // which was no reason to stop
/// # Ok::<(), std::io::Error>(())
/// ```
pub const fn wait_for_one_success() -> WaitForOneSuccess {
    WaitForOneSuccess(CancellationType::ALL)
}

/// Asks the others to stop when one operation has completed with an error.
///
/// ```
/// use async_op::IoContext;
/// use async_op::group::{parallel_group, wait_for_one_error};
/// use async_op::sync::Channel;
///
/// let context = IoContext::new()?;
/// let [a, b] = [1, 1].map(|capacity| Channel::<u8>::new(&context, capacity));
/// a.close();
/// let group = parallel_group((a.receive(), b.receive())).wait(wait_for_one_error());
/// let (order, (a, b)) = group.blocking();
/// assert_eq!(order, [0, 1]);
/// assert!(a.is_err() && b.is_err()); // the second was asked to stop
/// # Ok::<(), std::io::Error>(())
/// ```
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
    ($name:ident, $function:ident, $result:expr) => {
        #[doc = concat!("The condition of [`", stringify!($function), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name(CancellationType);

        impl $name {
            /// Sets what the others are asked: by default any type of
            /// cancellation that they honour.
            ///
            /// ```
            /// use async_op::cancel::CancellationType;
            #[doc = concat!("use async_op::group::{GroupCondition, ", stringify!($function), "};")]
            ///
            #[doc = concat!("let mut condition = ", stringify!($function), "().asking_for(CancellationType::TOTAL);")]
            #[doc = concat!("let result: Result<(), ()> = ", stringify!($result), ";")]
            /// let asked = GroupCondition::<fn(Result<(), ()>)>::completed(&mut condition, &result);
            /// assert_eq!(asked, CancellationType::TOTAL); // what has begun goes on
            /// ```
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

condition!(WaitForOne, wait_for_one, Ok(()));
condition!(WaitForOneSuccess, wait_for_one_success, Ok(()));
condition!(WaitForOneError, wait_for_one_error, Err(()));

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
