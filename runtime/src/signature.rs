//! Completion signatures: the types of the values an operation completes with.

mod extend;
mod leading;

pub use extend::ExtendSignature;
pub use leading::LeadingSignature;

/// A completion signature: `fn()`, `fn(A)`, … up to eight arguments, or a
/// tuple of two to four signatures for an operation that completes in one of
/// several ways.
///
/// Arguments are passed by value. They are on the stack, in several copies where
/// nothing is optimised, while the handler is called, since the memory of the
/// operation has gone back by then: box a result of more than 64 KiB, or let the
/// caller pass the buffer. Larger ones overflow the stack that threads have by
/// default, and one of 1 MiB that of the main thread too.
///
/// The function-pointer type is only notation, as in Asio's
/// `void(error_code, size_t)`; no such function is ever called.
///
/// ```
/// use async_op::Signature;
///
/// fn output_of<S: Signature>(args: S::Args) -> S::Output {
///     S::into_output(args)
/// }
/// assert_eq!(output_of::<fn(u8, char)>((7, 'x')), (7, 'x'));
/// assert_eq!(output_of::<fn(u8)>((7,)), 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a completion signature",
    label = "not a completion signature",
    note = "write `fn()`, `fn(A)`, … `fn(A1, .., A8)` with owned argument types, or a tuple of those"
)]
pub trait Signature {
    /// The arguments of the completion handler, as a tuple.
    type Args;

    /// What a future of this signature yields: `()`, `A`, or `(A, B, ..)`.
    type Output;

    /// Turns the arguments of a handler into the output of a future.
    ///
    /// ```
    /// use async_op::Signature;
    ///
    /// assert_eq!(<fn(u8)>::into_output((7,)), 7);
    /// assert_eq!(<fn(u8, char)>::into_output((7, 'x')), (7, 'x'));
    /// ```
    fn into_output(args: Self::Args) -> Self::Output;

    /// Turns the output of a future into the arguments of a handler.
    ///
    /// ```
    /// use async_op::Signature;
    ///
    /// assert_eq!(<fn(u8)>::from_output(7), (7,));
    /// ```
    fn from_output(output: Self::Output) -> Self::Args;
}

impl Signature for fn() {
    type Args = ();
    type Output = ();

    fn into_output((): ()) {}
    fn from_output((): ()) {}
}

impl<A> Signature for fn(A) {
    type Args = (A,);
    type Output = A;

    fn into_output((value,): (A,)) -> A {
        value
    }

    fn from_output(output: A) -> (A,) {
        (output,)
    }
}

macro_rules! tuple_signature {
    ($($arg:ident)+) => {
        impl<$($arg),+> Signature for fn($($arg),+) {
            type Args = ($($arg,)+);
            type Output = ($($arg,)+);

            fn into_output(args: Self::Args) -> Self::Output {
                args
            }

            fn from_output(output: Self::Output) -> Self::Args {
                output
            }
        }
    };
}

tuple_signature!(A1 A2);
tuple_signature!(A1 A2 A3);
tuple_signature!(A1 A2 A3 A4);
tuple_signature!(A1 A2 A3 A4 A5);
tuple_signature!(A1 A2 A3 A4 A5 A6);
tuple_signature!(A1 A2 A3 A4 A5 A6 A7);
tuple_signature!(A1 A2 A3 A4 A5 A6 A7 A8);

macro_rules! alternatives {
    ($(#[$doc:meta])* $name:ident { $($variant:ident($signature:ident)),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name<$($signature),+> {
            $(
                #[doc = concat!("Completed by the signature in the place of `", stringify!($signature), "`.")]
                $variant($signature),
            )+
        }

        impl<$($signature: Signature),+> Signature for ($($signature,)+) {
            type Args = ($name<$($signature::Output),+>,);
            type Output = $name<$($signature::Output),+>;

            fn into_output((output,): Self::Args) -> Self::Output {
                output
            }

            fn from_output(output: Self::Output) -> Self::Args {
                (output,)
            }
        }
    };
}

alternatives! {
    /// How an operation with two completion signatures completed.
    ///
    /// ```
    /// use async_op::{Blocking, Completion, IoContext, IoExecutor, async_op};
    /// use async_op::adapter::OneOf2;
    ///
    /// #[async_op]
    /// fn async_half(context: &IoExecutor, n: u32, op: Completion<(fn(u32), fn(&'static str))>) {
    ///     match n % 2 {
    ///         0 => op.complete_first((n / 2,)),
    ///         _ => op.complete_second(("odd",)),
    ///     }
    /// }
    ///
    /// let context = IoContext::new()?;
    /// assert_eq!(async_half(&context, 6, Blocking), OneOf2::First(3));
    /// assert_eq!(async_half(&context, 7, Blocking), OneOf2::Second("odd"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    OneOf2 { First(S1), Second(S2) }
}
alternatives! {
    /// How an operation with three completion signatures completed.
    OneOf3 { First(S1), Second(S2), Third(S3) }
}
alternatives! {
    /// How an operation with four completion signatures completed.
    OneOf4 { First(S1), Second(S2), Third(S3), Fourth(S4) }
}
