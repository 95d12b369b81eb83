//! The `#[async_op]` attribute of the [`async-op`] crate, which re-exports and
//! documents it. Depend on that crate, not on this one.
//!
//! The stages run in this order, each reading only the one before:
//!
//! ```text
//! args, parse   the attribute and the function, as written
//! misplaced     what cannot be right where it stands, by the source around it
//! model         what they mean: form, signature, how each argument is stored
//! check         the mistakes that rustc would not explain well
//! expand        the initiating function, its twin, and the author's body
//! ```
//!
//! Every stage reports all the mistakes it sees. `repair` and `fallback` then
//! keep the function callable, so that one mistake is one error.
//!
//! [`async-op`]: https://docs.rs/async-op

#![forbid(unsafe_code)]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod args;
mod around;
mod attrs;
mod call;
mod cfg;
mod check;
mod completion;
mod display;
mod docs;
mod editor;
mod errors;
mod expand;
mod fallback;
mod form;
mod initiation;
mod inputs;
mod lifetimes;
mod manifest;
mod misplaced;
mod model;
mod names;
mod parse;
mod plain;
mod question;
mod reader;
mod repair;
mod signature;
mod spans;
mod stages;
#[cfg(test)]
mod tests;
mod types;

use proc_macro2::TokenStream;

/// Turns a function into an asynchronous operation: the caller chooses how the
/// result arrives.
///
/// The body is written once, in one of three forms. For each, two functions
/// come out of it: `async_x(.., token)` takes a completion token as its last
/// argument, and `x(..)` returns the operation not yet started.
///
/// The **async form**: the output of the body is the completion. For exclusive
/// resources and borrowed buffers.
///
/// ```
/// use async_op::{UseFuture, async_op};
/// use async_op::net::TcpStream;
/// use std::io;
///
/// #[async_op]
/// async fn async_read_exact(stream: &TcpStream, buf: &mut [u8]) -> io::Result<()> {
///     let mut filled = 0;
///     while filled < buf.len() {
///         match stream.read_some(&mut buf[filled..]).await? {
///             0 => return Err(io::ErrorKind::UnexpectedEof.into()),
///             n => filled += n,
///         }
///     }
///     Ok(())
/// }
///
/// async fn header(stream: &TcpStream) -> io::Result<[u8; 8]> {
///     let mut header = [0; 8];
///     read_exact(stream, &mut header).await?;
///     async_read_exact(stream, &mut header, UseFuture).await?;
///     Ok(header)
/// }
/// ```
///
/// The **handler form**: the last parameter is the completion. For whatever
/// calls back, and for shared connections.
///
/// ```
/// use async_op::{Completion, SystemExecutor, async_op};
///
/// #[async_op]
/// fn async_compute(executor: &SystemExecutor, n: u64, op: Completion<fn(u64)>) {
///     std::thread::spawn(move || op.complete((1..=n).product()));
///     # let _ = executor;
/// }
///
/// async_compute(&SystemExecutor, 5, |result: u64| println!("{result}"));
/// assert_eq!(compute(&SystemExecutor, 5).blocking(), 120);
/// ```
///
/// The **deferred form**: derived from another operation, with no completion of
/// its own.
///
/// ```
/// use async_op::{Initiation, async_op};
/// use async_op::time::Timer;
/// use std::time::Instant;
///
/// #[async_op]
/// fn async_tick(timer: &Timer) -> impl Initiation<fn(Instant)> {
///     timer.wait().map(|_| Instant::now())
/// }
/// ```
///
/// # Arguments of the operation
///
/// A reference whose lifetime you do not name is copied (as by
/// [`ToOwned`]: an I/O object is a cheap handle, `&str` becomes `String`). One
/// whose lifetime you name, and every `&mut`, is borrowed until the operation
/// completes, so that only tokens that wait accept it. Everything else is
/// moved. The handler form borrows nothing: its operation outlives the call.
///
/// The executor of the operation is that of `self`, or of the first parameter,
/// which is an `IoObject`; a function without parameters uses the
/// `SystemExecutor`.
///
/// # Arguments of the attribute
///
/// | | |
/// |---|---|
/// | `executor = expr` | the executor, in place of the first parameter's |
/// | `completes = fn(A, B)` | the completion signature of an `async fn` that returns `(A, B)`; any type that is a `Signature` |
/// | `cancellation = terminal` | which requests to cancel an `async fn` lets in: `terminal` (the default), `partial` or `total`, each with the weaker ones |
/// | `default = name` | names the function without token; this or `default = false` is needed where `async_` is no prefix, or the plain name is taken: a `get` beside `async_get` is a duplicate definition |
/// | `default = false` | leaves that function out |
/// | `default_token = T` | its token, in place of `Deferred`: mostly a type parameter of the object |
/// | `provided` | says that an operation with a body is in the definition of a trait |
/// | `implements` | says that this is the body, for one type, of an operation that a trait declares |
/// | `associated` | says that a function without `self` and `Self` is in an `impl` |
/// | `crate = path` | where the `async_op` crate is found, `::async_op` by default: needed where it has another name, or is part of another crate |
///
/// An attribute does not see what is around its function, so `provided`, `implements` and
/// `associated` are for the author to say. Where one is forgotten the macro looks at the
/// source, and says so. In what a macro writes it cannot: there `Self` has no
/// `executor_of`, or a function is not found.
///
/// # Cancellation
///
/// Requests that an `async fn` lets in reach the operations that its body awaits, which
/// fail; the others are lost on it. A future of somebody else's knows nothing of them:
/// the body awaits it in `this_op::or_cancelled(..)`, or the operation goes on until
/// that future is ready, whatever `cancel_after` says. The handler form hears of a
/// request by `Completion::on_cancel`, and otherwise not at all; `async_op::forms` shows
/// both.
///
/// ```
/// # use async_op::{IoContext, IoExecutor, async_op, is_timeout, this_op};
/// # use std::future::pending;
/// # use std::io;
/// # use std::time::Duration;
/// #[async_op]
/// async fn async_foreign(context: &IoExecutor) -> io::Result<()> {
///     this_op::or_cancelled(pending()).await
/// }
///
/// let context = IoContext::new().unwrap();
/// let result = foreign(&context).cancel_after(Duration::from_millis(1)).blocking();
/// assert!(is_timeout(&result.unwrap_err()));
/// ```
///
/// # Operations in traits
///
/// A trait declares an operation like any other; without a body it is required.
/// Each type writes the body under `#[async_op(implements)]`, and nothing else:
/// the executor, the names and what is honoured are the trait's. Where that
/// attribute is forgotten, a type parameter and `async_x_body` are missing.
///
/// ```
/// use async_op::{Completion, IoObject, SystemExecutor, async_op};
///
/// trait Read {
///     #[async_op]
///     fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>);
///
///     #[async_op]
///     async fn async_len(&self) -> usize;
///
///     #[async_op(provided)]
///     async fn async_is_empty(&self) -> bool {
///         self.async_len_body().await == 0
///     }
/// }
///
/// #[derive(Clone)]
/// struct Zeroes;
///
/// impl IoObject for Zeroes {
///     type Executor = SystemExecutor;
///
///     fn executor(&self) -> SystemExecutor {
///         SystemExecutor
///     }
/// }
///
/// impl Read for Zeroes {
///     #[async_op(implements)]
///     fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>) {
///         op.complete(vec![0; len]);
///     }
///
///     #[async_op(implements)]
///     async fn async_len(&self) -> usize {
///         usize::MAX
///     }
/// }
///
/// assert_eq!(Zeroes.read(2).blocking(), [0, 0]);
/// assert!(!Zeroes.is_empty().blocking());
/// ```
///
/// Whoever starts the operation needs a type that is an `IoObject`, `Clone` and
/// `Send`, and `Sync` for an `async fn`; each as far as `self` is stored. The
/// trait may say so, or not. Type parameters of the trait are `'static`. An
/// operation of a trait holds on to `&self`: a function returns a call to it in
/// an `async move` block, with a clone.
///
/// The body is a method named `async_read_body`. The handler form keeps a trait
/// dyn-compatible, and gives the trait object operations for any token, with no
/// boxed future:
///
/// ```
/// # use async_op::{Completion, SystemExecutor, async_op};
/// # use std::sync::Arc;
/// trait Read: Send + Sync {
///     #[async_op]
///     fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>);
/// }
///
/// impl dyn Read {
///     #[async_op(executor = SystemExecutor)]
///     fn async_read(self: Arc<Self>, len: usize, op: Completion<fn(Vec<u8>)>) {
///         self.async_read_body(len, op);
///     }
/// }
/// # struct Zeroes;
/// # impl Read for Zeroes {
/// #     #[async_op(implements)]
/// #     fn async_read(&self, len: usize, op: Completion<fn(Vec<u8>)>) {
/// #         op.complete(vec![0; len]);
/// #     }
/// # }
///
/// let reader: Arc<dyn Read> = Arc::new(Zeroes);
/// assert_eq!(reader.read(2).blocking(), [0, 0]);
/// ```
///
/// # Limits
///
/// In an editor, rename an operation at `async_x`, and the calls of `x` by hand: it takes
/// both for one name.
///
/// A completion names its arguments, so
/// none of them is an `impl Trait`; only the async form can complete with a
/// borrow, of a lifetime that is named.
#[proc_macro_attribute]
pub fn async_op(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let (args, item) = (TokenStream::from(args), TokenStream::from(item));
    let expansion = std::panic::catch_unwind(|| {
        let attribute = proc_macro::Span::call_site();
        let place = around::Place {
            file: attribute.local_file(),
            line: attribute.line(),
            column: attribute.column(),
            text: model::place(&attribute.file(), attribute.column()),
            ..around::Place::default()
        };
        stages::expand(args.clone(), item.clone(), &place)
    });
    expansion
        .unwrap_or_else(|_| fallback::internal_error(&item))
        .into()
}
