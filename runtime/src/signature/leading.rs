//! The first argument of a signature, which says how an operation went.

use super::Signature;

/// A signature with arguments: the first one says how the operation went.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no first argument",
    note = "it is the first argument, an `io::Result` say, that tells how an operation went"
)]
pub trait LeadingSignature: Signature {
    /// The first argument.
    type First;

    /// The signature with an `X` in place of the first argument.
    type With<X>: Signature;

    /// Replaces the first argument by what `function` makes of it.
    ///
    /// ```
    /// use async_op::adapter::LeadingSignature;
    ///
    /// assert_eq!(<fn(u8, char)>::replace((7, 'x'), |n| n.to_string()), ("7".to_owned(), 'x'));
    /// ```
    fn replace<X>(
        args: Self::Args,
        function: impl FnOnce(Self::First) -> X,
    ) -> <Self::With<X> as Signature>::Args;

    /// Changes the first argument to what `function` makes of it.
    ///
    /// ```
    /// use async_op::adapter::LeadingSignature;
    ///
    /// assert_eq!(<fn(u8, char)>::change((7, 'x'), |n| n + 1), (8, 'x'));
    /// ```
    fn change(args: Self::Args, function: impl FnOnce(Self::First) -> Self::First) -> Self::Args;

    /// Returns the first argument of what a future of this signature yields.
    ///
    /// ```
    /// use async_op::adapter::LeadingSignature;
    ///
    /// assert_eq!(<fn(u8)>::first(&7), &7);
    /// assert_eq!(<fn(u8, char)>::first(&(7, 'x')), &7);
    /// ```
    fn first(output: &Self::Output) -> &Self::First;
}

impl<A> LeadingSignature for fn(A) {
    type First = A;
    type With<X> = fn(X);

    fn replace<X>((first,): (A,), function: impl FnOnce(A) -> X) -> (X,) {
        (function(first),)
    }

    fn change((first,): (A,), function: impl FnOnce(A) -> A) -> (A,) {
        (function(first),)
    }

    fn first(output: &A) -> &A {
        output
    }
}

macro_rules! leading {
    ($($arg:ident: $ty:ident),+) => {
        impl<A, $($ty),+> LeadingSignature for fn(A, $($ty),+) {
            type First = A;
            type With<X> = fn(X, $($ty),+);

            fn replace<X>(
                (first, $($arg),+): Self::Args,
                function: impl FnOnce(A) -> X,
            ) -> (X, $($ty),+) {
                (function(first), $($arg),+)
            }

            fn change(
                (first, $($arg),+): Self::Args,
                function: impl FnOnce(A) -> A,
            ) -> Self::Args {
                (function(first), $($arg),+)
            }

            fn first(output: &Self::Output) -> &A {
                &output.0
            }
        }
    };
}

leading!(a2: A2);
leading!(a2: A2, a3: A3);
leading!(a2: A2, a3: A3, a4: A4);
leading!(a2: A2, a3: A3, a4: A4, a5: A5);
leading!(a2: A2, a3: A3, a4: A4, a5: A5, a6: A6);
leading!(a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7);
leading!(a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7, a8: A8);
