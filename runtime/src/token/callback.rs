//! A closure is a completion token.

use std::fmt;

use super::CompletionToken;
use crate::handler::{Associations, CompletionHandler, HandlerReturn};
use crate::initiation::Initiation;
use crate::signature::{OneOf2, OneOf3, OneOf4, Signature};

/// A closure with the parameters of a signature.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a closure with the parameters of `{S}`",
    label = "not a handler for this operation"
)]
pub trait CallWith<S: Signature> {
    /// Calls the closure.
    ///
    /// ```
    /// use async_op::token::CallWith;
    ///
    /// let greet = |n: u32, name: &'static str| assert_eq!((n, name), (7, "seven"));
    /// CallWith::<fn(u32, &'static str)>::call_with(greet, (7, "seven"));
    /// ```
    fn call_with(self, args: S::Args);
}

/// A closure as a [`CompletionHandler`], without associations of its own.
///
/// A closure is a token already: this is for what takes a handler, as
/// [`Operation::try_with`](crate::Operation::try_with) does.
#[derive(Clone, Copy)]
pub struct Callback<F>(pub F);

impl<F> fmt::Debug for Callback<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Callback").finish_non_exhaustive()
    }
}

impl<F> Associations for Callback<F> {}

impl<S: Signature, F: CallWith<S> + Send + 'static> CompletionHandler<S> for Callback<F> {
    #[inline]
    fn complete(self, args: S::Args) {
        self.0.call_with(args);
    }
}

// The blanket is over `FnOnce` itself, once per arity: `FnOnce` is
// `#[fundamental]`, so these coexist with token types here and downstream. A
// trait of ours in its place would conflict with both.
macro_rules! callback {
    (
        $signature:ty,
        $pattern:pat,
        ($($generic:ident $(: $bound:ident)?),*),
        ($($arg:ident: $ty:ty),*)
    ) => {
        impl<F, Ret, $($generic $(: $bound)?),*> CallWith<$signature> for F
        where
            F: FnOnce($($ty),*) -> Ret,
            Ret: HandlerReturn,
            $signature: Signature<Args = ($($ty,)*)>,
        {
            #[inline]
            fn call_with(self, $pattern: ($($ty,)*)) {
                self($($arg),*);
            }
        }

        impl<F, Ret, $($generic $(: $bound)?),*> CompletionToken<'static, $signature> for F
        where
            F: FnOnce($($ty),*) -> Ret + Send + 'static,
            Ret: HandlerReturn,
            $signature: Signature<Args = ($($ty,)*)> + 'static,
            $($ty: Send + 'static,)*
            <$signature as Signature>::Output: Send + 'static,
        {
            type Return<I: Initiation<$signature> + 'static> = ();

            #[inline(always)] // It hands on, and arguments that are known stay so.
            fn initiate<I: Initiation<$signature> + 'static>(self, initiation: I) {
                initiation.initiate(Callback(self));
            }
        }
    };
}

callback!(fn(), (), (), ());
callback!(fn(A1), (a1,), (A1), (a1: A1));
callback!(fn(A1, A2), (a1, a2), (A1, A2), (a1: A1, a2: A2));
callback!(fn(A1, A2, A3), (a1, a2, a3), (A1, A2, A3), (a1: A1, a2: A2, a3: A3));
callback!(
    fn(A1, A2, A3, A4),
    (a1, a2, a3, a4),
    (A1, A2, A3, A4),
    (a1: A1, a2: A2, a3: A3, a4: A4)
);
callback!(
    fn(A1, A2, A3, A4, A5),
    (a1, a2, a3, a4, a5),
    (A1, A2, A3, A4, A5),
    (a1: A1, a2: A2, a3: A3, a4: A4, a5: A5)
);
callback!(
    fn(A1, A2, A3, A4, A5, A6),
    (a1, a2, a3, a4, a5, a6),
    (A1, A2, A3, A4, A5, A6),
    (a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6)
);
callback!(
    fn(A1, A2, A3, A4, A5, A6, A7),
    (a1, a2, a3, a4, a5, a6, a7),
    (A1, A2, A3, A4, A5, A6, A7),
    (a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7)
);
callback!(
    fn(A1, A2, A3, A4, A5, A6, A7, A8),
    (a1, a2, a3, a4, a5, a6, a7, a8),
    (A1, A2, A3, A4, A5, A6, A7, A8),
    (a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7, a8: A8)
);
callback!((S1, S2), (output,), (S1: Signature, S2: Signature), (output: OneOf2<S1::Output, S2::Output>));
callback!(
    (S1, S2, S3),
    (output,),
    (S1: Signature, S2: Signature, S3: Signature),
    (output: OneOf3<S1::Output, S2::Output, S3::Output>)
);
callback!(
    (S1, S2, S3, S4),
    (output,),
    (S1: Signature, S2: Signature, S3: Signature, S4: Signature),
    (output: OneOf4<S1::Output, S2::Output, S3::Output, S4::Output>)
);
