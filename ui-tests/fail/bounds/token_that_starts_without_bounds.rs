// errors: 2

use async_op::{CompletionToken, Detached, Initiation, Signature};

struct Forget;

impl<S: Signature> CompletionToken<'static, S> for Forget {
    type Return<I: Initiation<S> + 'static> = ();

    fn initiate<I: Initiation<S> + 'static>(self, initiation: I) {
        Detached.initiate(initiation);
    }
}

fn main() {}
