use std::fmt;

use crate::alloc::{OperationAllocator, Refusal};
use crate::cancel::CancellationSlot;
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler, Handler};
use crate::signature::{OneOf2, OneOf3, OneOf4, Signature};

/// Makes a token of a handler that has a method for each signature of an
/// operation.
///
/// A closure receives the alternatives as an enum, [`OneOf2`] and so on; a
/// handler type can implement [`CompletionHandler`] once per signature instead:
///
/// ```
/// use async_op::{Associations, Completion, CompletionHandler, IoContext, IoExecutor, async_op};
/// use async_op::token::each;
///
/// #[async_op]
/// fn async_half(context: &IoExecutor, n: u32, op: Completion<(fn(u32), fn(&'static str))>) {
///     match n % 2 {
///         0 => op.complete_first((n / 2,)),
///         _ => op.complete_second(("odd",)),
///     }
/// }
///
/// struct Print;
///
/// impl Associations for Print {}
/// impl CompletionHandler<fn(u32)> for Print {
///     fn complete(self, (half,): (u32,)) {
///         println!("half is {half}");
///     }
/// }
/// impl CompletionHandler<fn(&'static str)> for Print {
///     fn complete(self, (why,): (&'static str,)) {
///         println!("no half: {why}");
///     }
/// }
///
/// let context = IoContext::new()?;
/// async_half(&context, 7, each(Print));
/// assert_eq!(context.run(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Two signatures of one type are told apart by the enum alone.
pub fn each<H>(handler: H) -> Handler<Each<H>> {
    Handler(Each(handler))
}

/// A handler for each of several signatures; made by [`each`].
#[derive(Clone, Copy)]
pub struct Each<H>(H);

impl<H> fmt::Debug for Each<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Each").finish_non_exhaustive()
    }
}

impl<H: Associations> Associations for Each<H> {
    fn executor<E: Executor>(&self, io: &E) -> impl Executor {
        self.0.executor(io)
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        self.0.immediate_executor(own)
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.0.allocator()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.0.cancellation_slot()
    }
}

macro_rules! each_of {
    (first $first:ident $(, $others:ident)*) => { $first };
    ($name:ident { $($variant:ident($signature:ident)),+ }) => {
        impl<H, $($signature),+> CompletionHandler<($($signature,)+)> for Each<H>
        where
            $($signature: Signature, H: CompletionHandler<$signature>,)+
        {
            fn complete(self, (output,): <($($signature,)+) as Signature>::Args) {
                match output {
                    $($name::$variant(output) => {
                        let args = $signature::from_output(output);
                        CompletionHandler::<$signature>::complete(self.0, args);
                    })+
                }
            }

            fn refused(self, refusal: Refusal) {
                CompletionHandler::<each_of!(first $($signature),+)>::refused(self.0, refusal);
            }
        }
    };
}

each_of!(OneOf2 {
    First(S1),
    Second(S2)
});
each_of!(OneOf3 {
    First(S1),
    Second(S2),
    Third(S3)
});
each_of!(OneOf4 {
    First(S1),
    Second(S2),
    Third(S3),
    Fourth(S4)
});
