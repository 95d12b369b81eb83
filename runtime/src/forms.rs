//! The three forms of an operation, and what
//! [`#[async_op]`](macro@crate::async_op) writes for each.
//!
//! There is nothing in this module but this page.
//!
//! | the body | form | for |
//! |---|---|---|
//! | `async fn`: returns the result | async | several steps, borrowed buffers, resources that one operation has to itself |
//! | last parameter [`Completion`]: calls it | handler | whatever calls back: a thread, a C library, a connection that many share |
//! | returns `impl` [`Initiation`] | deferred | an operation made of another one |
//!
//! For each, two functions come out: `async_x(.., token)`, which callers give a
//! completion token, and `x(..)`, which returns the [`Operation`] not yet
//! started. The author's body stays a function of its own, `async_x_body`, so
//! that `self`, `?`, `return` and backtraces are what they always are.
//!
//! # The async form
//!
//! ```
//! # use async_op::{IoExecutor, Timer, async_op};
//! # use std::io;
//! # use std::time::Duration;
//! #[async_op]
//! async fn async_pause<'a>(context: &IoExecutor, times: u32, label: &'a str) -> io::Result<usize> {
//!     let timer = Timer::new(context);
//!     for _ in 0..times {
//!         timer.expires_after(Duration::from_micros(1));
//!         timer.wait().await?;
//!     }
//!     Ok(label.len())
//! }
//! ```
//!
//! becomes, by hand:
//!
//! ```
//! # use async_op::{CompletionToken, Deferred, Initiation, IoExecutor, IoContext, Meta, Operation, Timer, async_initiate, from_future};
//! # use std::io;
//! # use std::time::Duration;
//! fn async_pause<'op, 'a: 'op, Token>(
//!     context: &IoExecutor, // copied: its lifetime has no name
//!     times: u32,           // moved
//!     label: &'a str,       // borrowed until the operation completes
//!     token: Token,
//! ) -> Token::Return<impl Initiation<fn(io::Result<usize>)> + use<'op, 'a, Token>>
//! where
//!     Token: CompletionToken<'op, fn(io::Result<usize>)>,
//! {
//!     const META: Meta = Meta::new("async_pause", &["context"], &["label"]);
//!     let executor = context.clone();
//!     let copy = context.to_owned();
//!     let future = async move { async_pause_body(&copy, times, label).await };
//!     async_initiate(from_future(&META, executor, future), token)
//! }
//!
//! fn pause<'a>(
//!     context: &IoExecutor,
//!     times: u32,
//!     label: &'a str,
//! ) -> Operation<fn(io::Result<usize>), impl Initiation<fn(io::Result<usize>)> + use<'a>> {
//!     async_pause(context, times, label, Deferred)
//! }
//!
//! async fn async_pause_body(context: &IoExecutor, times: u32, label: &str) -> io::Result<usize> {
//!     let timer = Timer::new(context);
//!     for _ in 0..times {
//!         timer.expires_after(Duration::from_micros(1));
//!         timer.wait().await?;
//!     }
//!     Ok(label.len())
//! }
//! # let context = IoContext::new().unwrap();
//! # assert_eq!(pause(&context, 2, "abc").blocking().unwrap(), 3);
//! # async_pause(&context, 1, "static", |result: io::Result<usize>| assert_eq!(result.unwrap(), 6));
//! # context.run();
//! ```
//!
//! What returns `(A, B)` completes with one tuple, `fn((A, B))`, unless it says
//! `#[async_op(completes = fn(A, B))]`.
//!
//! # The handler form
//!
//! ```
//! # use async_op::{Completion, SystemExecutor, async_op};
//! #[async_op]
//! fn async_compute(executor: &SystemExecutor, n: u64, op: Completion<fn(u64)>) {
//!     std::thread::spawn(move || op.complete((1..=n).product()));
//!     # let _ = executor;
//! }
//! ```
//!
//! becomes, by hand:
//!
//! ```
//! # use async_op::{Completion, CompletionToken, Deferred, Initiation, Meta, Operation, SystemExecutor, async_initiate, from_fn};
//! fn async_compute<'op, Token>(
//!     executor: &SystemExecutor,
//!     n: u64,
//!     token: Token,
//! ) -> Token::Return<impl Initiation<fn(u64)> + use<'op, Token>>
//! where
//!     Token: CompletionToken<'op, fn(u64)>,
//! {
//!     const META: Meta = Meta::new("async_compute", &["executor"], &[]);
//!     let (io, copy) = (executor.clone(), executor.to_owned());
//!     let start = move |op: Completion<fn(u64)>| async_compute_body(&copy, n, op);
//!     async_initiate(from_fn(&META, io, start), token)
//! }
//!
//! fn compute(
//!     executor: &SystemExecutor,
//!     n: u64,
//! ) -> Operation<fn(u64), impl Initiation<fn(u64)> + use<>> {
//!     async_compute(executor, n, Deferred)
//! }
//!
//! fn async_compute_body(executor: &SystemExecutor, n: u64, op: Completion<fn(u64)>) {
//!     std::thread::spawn(move || op.complete((1..=n).product()));
//!     # let _ = executor;
//! }
//! # assert_eq!(compute(&SystemExecutor, 5).blocking(), 120);
//! # async_compute(&SystemExecutor, 3, |n: u64| assert_eq!(n, 6));
//! ```
//!
//! The operation outlives the call of its body, so nothing can be borrowed here:
//! take values, and give them back on completion.
//!
//! # The deferred form
//!
//! ```
//! # use async_op::{Initiation, Timer, async_op};
//! # use std::time::Instant;
//! #[async_op]
//! fn async_tick(timer: &Timer) -> impl Initiation<fn(Instant)> {
//!     timer.wait().map(|_| Instant::now())
//! }
//! ```
//!
//! becomes, by hand:
//!
//! ```
//! # use async_op::{CompletionToken, Deferred, Initiation, Operation, SystemExecutor, Timer, async_initiate};
//! # use std::time::Instant;
//! fn async_tick<'op, Token>(
//!     timer: &Timer,
//!     token: Token,
//! ) -> Token::Return<impl Initiation<fn(Instant)> + use<'op, Token>>
//! where
//!     Token: CompletionToken<'op, fn(Instant)>,
//! {
//!     async_initiate(async_tick_body(timer), token)
//! }
//!
//! fn tick(timer: &Timer) -> Operation<fn(Instant), impl Initiation<fn(Instant)> + use<>> {
//!     async_tick(timer, Deferred)
//! }
//!
//! fn async_tick_body(timer: &Timer) -> impl Initiation<fn(Instant)> + use<> {
//!     timer.wait().map(|_| Instant::now())
//! }
//! # let timer = Timer::new(&SystemExecutor);
//! # tick(&timer).blocking();
//! ```
//!
//! Its body runs at once and only makes the operation: it has no executor, no
//! memory and no cancellation of its own.
//!
//! # Which one
//!
//! - Start with the async form. Under [`UseFuture`] it costs nothing: what is
//!   returned is the future of the body.
//! - Where the result comes from outside, through a function that is called
//!   back, only the handler form will do; keep the `Completion` where the result
//!   turns up. It is also the form for requests over a shared connection, since a
//!   caller who gives up does not take the reply of the next one with him, and
//!   the form that keeps a trait dyn-compatible.
//! - Where the operation is another one with its result changed, the deferred
//!   form has no cost at all.
//!
//! [`Completion`]: crate::Completion
//! [`Initiation`]: crate::Initiation
//! [`Operation`]: crate::Operation
//! [`UseFuture`]: crate::UseFuture
