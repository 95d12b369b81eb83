//! Where the operations of an I/O object run.

use super::{Executor, OfContext, On};
use crate::context::IoExecutor;

/// Where the operations of an I/O object run that has not been told: on the executor of its
/// context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Home;

/// Where the operations of an I/O object run: [`Home`], or any [`Executor`].
///
/// The parameter of `TcpStream`, `Timer` and the rest, made with `on`:
///
/// ```
/// use async_op::{Executor, IoContext, IoExecutor};
/// use async_op::executor::{HomeExecutor, Strand};
/// use async_op::time::Timer;
///
/// /// A client on a strand.
/// struct Client {
///     retry: Timer<Strand<IoExecutor>>,
/// }
///
/// /// Takes timers wherever they run.
/// fn wait_for<E: HomeExecutor>(timer: &Timer<E>) {
///     timer.wait().callback(|result| result.unwrap());
/// }
///
/// let context = IoContext::new()?;
/// let strand = Strand::new(context.executor());
/// let client = Client { retry: Timer::new(&context).on(&strand) };
/// client.retry.wait().callback(move |_| assert!(strand.runs_here()));
/// wait_for(&client.retry);
/// context.run();
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// To be named, not to be implemented: that is [`Executor`].
#[diagnostic::on_unimplemented(
    message = "I/O objects cannot run on `{Self}`",
    label = "not an executor",
    note = "`Home`, or a type that implements `Executor`"
)]
pub trait HomeExecutor: Clone + Send + Sync + 'static {
    /// The executor that its objects have.
    type Executor: Executor + OfContext;

    /// Returns the executor of an object whose events come from the context of `io`.
    #[doc(hidden)]
    fn of_context(&self, io: IoExecutor) -> Self::Executor;
}

impl HomeExecutor for Home {
    type Executor = IoExecutor;

    #[inline]
    fn of_context(&self, io: IoExecutor) -> IoExecutor {
        io
    }
}

impl<E: Executor> HomeExecutor for E {
    type Executor = On<E>;

    #[inline]
    fn of_context(&self, io: IoExecutor) -> On<E> {
        On::new(self.clone(), io)
    }
}

/// Gives a handle to what is in `$field` the functions that say where its operations run, and
/// its executor.
macro_rules! homes {
    ($ty:ident, $field:ident, |$this:ident| $io:expr) => {
        impl<E: $crate::executor::HomeExecutor> $ty<E> {
            /// Returns the handle as one whose operations run on `executor`, a strand, say.
            ///
            /// A handler that has no executor of its own is called there, and composed
            /// operations take their steps there. The context of the object goes on to tell
            /// of its events, and it is there that the system is asked; while an operation is
            /// outstanding it is work on both. Other clones stay where they are.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::executor::Strand;
            /// use async_op::time::Timer;
            /// use async_op::{Executor, IoContext};
            ///
            /// let context = IoContext::new()?;
            /// let strand = Strand::new(context.executor());
            /// let timer = Timer::new(&context).on(&strand);
            /// timer.wait().callback(move |_| assert!(strand.runs_here()));
            /// context.run();
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[doc(alias = "rebind_executor")]
            pub fn on<X: $crate::Executor>(self, executor: &X) -> $ty<X> {
                self.moved(executor)
            }

            /// Returns the handle as one whose operations run on the executor of its
            /// context, as when it was made.
            ///
            /// # Examples
            ///
            /// ```
            /// use async_op::IoContext;
            /// use async_op::executor::Strand;
            /// use async_op::time::Timer;
            ///
            /// let context = IoContext::new()?;
            /// let timer = Timer::new(&context).on(&Strand::new(context.executor()));
            /// let timer: Timer = timer.at_home();
            /// # drop(timer);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn at_home(self) -> $ty {
                self.moved(&$crate::executor::Home)
            }

            pub(crate) fn moved<X: $crate::executor::HomeExecutor>(self, home: &X) -> $ty<X> {
                $ty {
                    $field: self.$field,
                    home: home.clone(),
                }
            }
        }

        impl<E: $crate::executor::HomeExecutor> $crate::IoObject for $ty<E> {
            type Executor = E::Executor;

            fn executor(&self) -> E::Executor {
                let $this = self;
                self.home.of_context($io)
            }
        }
    };
}

pub(crate) use homes;
