//! Signatures with one argument more.

use super::Signature;

/// A signature of up to seven arguments, to which one more can be added.
#[diagnostic::on_unimplemented(
    message = "no argument can be added to `{Self}`",
    note = "a signature has up to eight arguments"
)]
pub trait ExtendSignature<X>: Signature {
    /// The signature with an `X` after the other arguments.
    type Appended: Signature;

    /// The signature with an `X` before the other arguments.
    type Prepended: Signature;

    /// Adds a value after the arguments.
    ///
    /// ```
    /// use async_op::adapter::ExtendSignature;
    ///
    /// assert_eq!(<fn(u8)>::append((7,), 'x'), (7, 'x'));
    /// ```
    fn append(args: Self::Args, value: X) -> <Self::Appended as Signature>::Args;

    /// Adds a value before the arguments.
    ///
    /// ```
    /// use async_op::adapter::ExtendSignature;
    ///
    /// assert_eq!(<fn(u8)>::prepend((7,), 'x'), ('x', 7));
    /// ```
    fn prepend(args: Self::Args, value: X) -> <Self::Prepended as Signature>::Args;
}

macro_rules! extend {
    ($($arg:ident: $ty:ident),*) => {
        impl<$($ty,)* X> ExtendSignature<X> for fn($($ty),*) {
            type Appended = fn($($ty,)* X);
            type Prepended = fn(X, $($ty),*);

            fn append(($($arg,)*): Self::Args, value: X) -> ($($ty,)* X,) {
                ($($arg,)* value,)
            }

            fn prepend(($($arg,)*): Self::Args, value: X) -> (X, $($ty,)*) {
                (value, $($arg,)*)
            }
        }
    };
}

extend!();
extend!(a1: A1);
extend!(a1: A1, a2: A2);
extend!(a1: A1, a2: A2, a3: A3);
extend!(a1: A1, a2: A2, a3: A3, a4: A4);
extend!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5);
extend!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6);
extend!(a1: A1, a2: A2, a3: A3, a4: A4, a5: A5, a6: A6, a7: A7);
