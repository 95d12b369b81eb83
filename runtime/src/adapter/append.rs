use super::{Adapted, Adapter, AdapterAssociations, adapt};
use crate::signature::{ExtendSignature, Signature};

/// Passes `value` to the handler, after the results of the operation.
///
/// Several are appended one by one: the outermost comes first.
///
/// ```
/// use async_op::{Blocking, IoContext};
/// use async_op::adapter::append;
/// use async_op::time::Timer;
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// let (result, id, name) = timer.async_wait(append(7, append("timer", Blocking)));
/// assert_eq!((id, name), (7, "timer"));
/// result?;
///
/// timer.async_wait(append(7, |result: std::io::Result<()>, id: u32| {
///     println!("{id}: {result:?}");
/// }));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Completion
///
/// `fn(.., X)`, where the operation's own is `fn(..)`, of up to seven arguments.
///
/// # Allocation
///
/// None: the value is part of the handler.
pub fn append<X, T>(value: X, token: T) -> Adapted<Append<X>, T> {
    adapt(Append(value), token)
}

/// Passes `value` to the handler, before the results of the operation.
///
/// Several are prepended one by one: the innermost comes first.
///
/// ```
/// use async_op::{Blocking, IoContext};
/// use async_op::adapter::prepend;
/// use async_op::time::Timer;
///
/// # fn main() -> std::io::Result<()> {
/// let context = IoContext::new()?;
/// let (name, result) = Timer::new(&context).async_wait(prepend("timer", Blocking));
/// assert_eq!(name, "timer");
/// result
/// # }
/// ```
///
/// # Completion
///
/// `fn(X, ..)`, where the operation's own is `fn(..)`, of up to seven arguments.
///
/// # Allocation
///
/// None: the value is part of the handler.
pub fn prepend<X, T>(value: X, token: T) -> Adapted<Prepend<X>, T> {
    adapt(Prepend(value), token)
}

/// The adapter of [`append`].
#[derive(Clone, Copy, Debug)]
pub struct Append<X>(X);

impl<X> AdapterAssociations for Append<X> {}

impl<S: ExtendSignature<X>, X: Send> Adapter<S> for Append<X> {
    type Signature = S::Appended;

    fn map(self, args: S::Args) -> <S::Appended as Signature>::Args {
        S::append(args, self.0)
    }
}

/// The adapter of [`prepend`].
#[derive(Clone, Copy, Debug)]
pub struct Prepend<X>(X);

impl<X> AdapterAssociations for Prepend<X> {}

impl<S: ExtendSignature<X>, X: Send> Adapter<S> for Prepend<X> {
    type Signature = S::Prepended;

    fn map(self, args: S::Args) -> <S::Prepended as Signature>::Args {
        S::prepend(args, self.0)
    }
}
