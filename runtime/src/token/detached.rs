use super::CompletionToken;
use crate::handler::{Associations, CompletionHandler};
use crate::initiation::Initiation;
use crate::signature::Signature;

/// Lets an operation run on its own and drops its result.
///
/// ```
/// use async_op::{Detached, IoContext};
/// use async_op::time::Timer;
///
/// let context = IoContext::new()?;
/// Timer::new(&context).async_wait(Detached);
/// assert_eq!(context.run(), 1); // the wait itself kept `run` going
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "detached")]
#[must_use = "a token does nothing until it is passed to an initiating function"]
#[derive(Clone, Copy, Debug, Default)]
pub struct Detached;

impl Associations for Detached {}

impl<S: Signature> CompletionHandler<S> for Detached {
    fn complete(self, _: S::Args) {}
}

impl<S> CompletionToken<'static, S> for Detached
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self);
    }
}
