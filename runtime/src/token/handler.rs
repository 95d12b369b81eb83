use super::CompletionToken;
use crate::handler::{CompletionHandler, Handler};
use crate::initiation::Initiation;
use crate::signature::Signature;

impl<S, H> CompletionToken<'static, S> for Handler<H>
where
    S: Signature + 'static,
    S::Args: Send + 'static,
    S::Output: Send + 'static,
    H: CompletionHandler<S>,
{
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        initiation.initiate(self.0);
    }
}
