use super::{Adapted, Adapter, AdapterAssociations, adapt};
use crate::handler::CompletionHandler;
use crate::signature::Signature;

/// Keeps `values` alive until the handler has been called.
///
/// They are dropped right after it has returned, or unwound, and with it if it
/// is dropped uncalled; over a token that waits, when the operation has
/// completed. Of several nested ones the innermost goes first.
///
/// ```
/// use async_op::IoContext;
/// use async_op::adapter::consign;
/// use async_op::time::Timer;
/// use std::sync::Arc;
///
/// let context = IoContext::new()?;
/// let session = Arc::new("kept");
/// let weak = Arc::downgrade(&session);
/// let inside = weak.clone();
/// Timer::new(&context).async_wait(consign(session, move |_: std::io::Result<()>| {
///     assert!(inside.upgrade().is_some());
/// }));
/// assert_eq!(context.run(), 1);
/// assert!(weak.upgrade().is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Completion
///
/// The operation's own: the values are not passed on.
///
/// # Allocation
///
/// None: the values are part of the handler.
pub fn consign<V, T>(values: V, token: T) -> Adapted<Consign<V>, T> {
    adapt(Consign(values), token)
}

/// The adapter of [`consign`].
#[derive(Clone, Copy, Debug)]
pub struct Consign<V>(V);

impl<V> AdapterAssociations for Consign<V> {}

impl<S: Signature, V: Send> Adapter<S> for Consign<V> {
    type Signature = S;

    fn map(self, args: S::Args) -> S::Args {
        args
    }

    fn complete<H: CompletionHandler<S>>(self, handler: H, args: S::Args) {
        // Outlives the call.
        let _values = self.0;
        handler.complete(args);
    }
}
