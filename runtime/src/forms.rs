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
//! # use async_op::{IoExecutor, async_op};
//! # use async_op::time::Timer;
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
//! # use async_op::{
//! #     CompletionToken, Deferred, Initiation, IoContext, IoExecutor, Operation, async_initiate,
//! # };
//! # use async_op::initiation::{Meta, from_future};
//! # use async_op::time::Timer;
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
//! A request to stop reaches the operations that the body awaits: they fail with
//! [`cancelled`], and `?` does the rest. It does not reach what is not of this crate.
//! A body that awaits a channel of tokio's, say, is deaf while it does so, and
//! [`cancel_after`] waits for it in vain; put such futures into
//! [`this_op::or_cancelled`]:
//!
//! ```
//! # use async_op::{IoContext, IoExecutor, async_op, is_timeout, this_op};
//! # use std::io;
//! # use std::time::Duration;
//! # use tokio::sync::mpsc;
//! #[async_op]
//! async fn async_job(_context: &IoExecutor, mut jobs: mpsc::Receiver<u32>) -> io::Result<u32> {
//!     let job = this_op::or_cancelled(jobs.recv()).await?;
//!     job.ok_or_else(|| io::ErrorKind::BrokenPipe.into())
//! }
//! # let context = IoContext::new().unwrap();
//! # let (sender, jobs) = mpsc::channel(1);
//! # let error = job(&context, jobs).cancel_after(Duration::from_millis(1)).blocking().unwrap_err();
//! # assert!(is_timeout(&error));
//! # drop(sender);
//! ```
//!
//! Only terminal requests come in at all, unless the attribute says
//! `cancellation = partial` or `total`.
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
//! # use async_op::{
//! #     Completion, CompletionToken, Deferred, Initiation, Operation, SystemExecutor,
//! #     async_initiate,
//! # };
//! # use async_op::initiation::{Meta, from_fn};
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
//! ## One that can be asked to stop
//!
//! Nobody knows where a `Completion` is kept but its author. A queue of them hears of
//! no request, so [`cancel_after`] and [`CancellationSignal`] wait until the operation
//! completes by itself. Nor does the drop of a context reach into the queue: its callers
//! wait on. Both are mended in a few lines: [`on_cancel`] for the requests, and
//! something that closes the queue. Here of replies that come one after another over
//! a connection which many share:
//!
//! ```
//! use async_op::{Completion, IoExecutor, IoObject, async_op};
//! use async_op::cancel::cancelled;
//! use std::collections::VecDeque;
//! use std::io;
//! use std::sync::{Arc, Mutex};
//!
//! type Reply = Completion<fn(io::Result<u32>)>;
//!
//! #[derive(Clone)]
//! struct Client {
//!     executor: IoExecutor,
//!     replies: Arc<Mutex<Replies>>,
//! }
//!
//! #[derive(Default)]
//! struct Replies {
//!     last_id: u64,
//!     /// A caller that has given up leaves its place: the reply comes all the same,
//!     /// and is not the next one's.
//!     waiting: VecDeque<(u64, Option<Reply>)>,
//!     is_closed: bool,
//! }
//!
//! impl IoObject for Client {
//!     type Executor = IoExecutor;
//!
//!     fn executor(&self) -> IoExecutor {
//!         self.executor
//!     }
//! }
//!
//! impl Client {
//!     #[async_op]
//!     fn async_reply(&self, op: Completion<fn(io::Result<u32>)>) {
//!         let id = {
//!             let mut replies = self.replies.lock().unwrap();
//!             replies.last_id += 1;
//!             replies.last_id
//!         };
//!         // First the function, which runs where the request is made. It holds the
//!         // queue weakly, since the queue holds it.
//!         let replies = Arc::downgrade(&self.replies);
//!         op.on_cancel(move |_| {
//!             let op = replies.upgrade().and_then(|replies| replies.lock().unwrap().take(id));
//!             if let Some(op) = op {
//!                 op.complete(Err(cancelled())); // without the lock
//!             }
//!         });
//!         let mut replies = self.replies.lock().unwrap();
//!         let error = if replies.is_closed {
//!             io::ErrorKind::NotConnected.into()
//!         } else if !op.requested().is_empty() {
//!             // The function has been called, and has found nothing.
//!             cancelled()
//!         } else {
//!             return replies.waiting.push_back((id, Some(op)));
//!         };
//!         drop(replies);
//!         op.complete(Err(error));
//!     }
//!
//!     /// What reads from the connection calls this.
//!     fn deliver(&self, value: u32) {
//!         let first = self.replies.lock().unwrap().waiting.pop_front();
//!         if let Some((_, Some(op))) = first {
//!             op.complete(Ok(value));
//!         }
//!     }
//!
//!     /// And this when it ends, however it does: in the `Drop` of something that it
//!     /// owns, which a context that is dropped drops too.
//!     fn close(&self) {
//!         let waiting = {
//!             let mut replies = self.replies.lock().unwrap();
//!             replies.is_closed = true;
//!             std::mem::take(&mut replies.waiting)
//!         };
//!         for op in waiting.into_iter().filter_map(|(_, op)| op) {
//!             op.complete(Err(io::ErrorKind::ConnectionAborted.into()));
//!         }
//!     }
//! }
//!
//! impl Replies {
//!     fn take(&mut self, id: u64) -> Option<Reply> {
//!         let place = self.waiting.iter_mut().find(|place| place.0 == id)?;
//!         place.1.take()
//!     }
//! }
//! # use async_op::{IoContext, bind_cancellation_slot, is_timeout};
//! # use async_op::cancel::{CancellationSignal, CancellationType};
//! # use std::time::Duration;
//! # let context = IoContext::new().unwrap();
//! # let client = Client { executor: context.executor(), replies: Arc::default() };
//! # let error = client.reply().cancel_after(Duration::from_millis(1)).blocking().unwrap_err();
//! # assert!(is_timeout(&error));
//! # let signal = CancellationSignal::new();
//! # client.async_reply(bind_cancellation_slot(signal.slot(), |result: io::Result<u32>| {
//! #     assert!(async_op::is_cancelled(&result.unwrap_err()));
//! # }));
//! # signal.emit(CancellationType::TERMINAL);
//! # client.async_reply(|result: io::Result<u32>| assert_eq!(result.unwrap(), 3));
//! # for value in [1, 2, 3] {
//! #     client.deliver(value);
//! # }
//! # client.async_reply(|result: io::Result<u32>| {
//! #     assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
//! # });
//! # client.close();
//! # client.async_reply(|result: io::Result<u32>| {
//! #     assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotConnected);
//! # });
//! # context.restart();
//! # assert_eq!(context.run(), 4);
//! ```
//!
//! An operation that can be asked takes a small recycled block more, for the function.
//!
//! ## One whose steps are operations
//!
//! Several steps are what the async form is for. Where a completion has to be kept in between,
//! or a step comes from outside, the handler form does it too: `op` is the handler of the next
//! operation, with all that travels with its own, as `self` is in a composed operation of
//! Asio.
//!
//! ```
//! # use async_op::{Completion, async_op};
//! # use async_op::net::TcpStream;
//! # use std::io;
//! #[async_op]
//! fn async_echo_once(stream: &TcpStream, op: Completion<fn(io::Result<usize>)>) {
//!     let back = stream.clone();
//!     stream.read_some(vec![0; 512]).callback_for(op, move |op, result, buffer| match result {
//!         Ok(0) | Err(_) => op.complete(result),
//!         Ok(n) => back.write_some(buffer[..n].to_owned()).callback_for(op, |op, result, _| {
//!             op.complete(result);
//!         }),
//!     });
//! }
//! # use async_op::{IoContext, SystemExecutor};
//! # use async_op::net::TcpListener;
//! # let context = IoContext::new().unwrap();
//! # let listener = TcpListener::bind(&SystemExecutor, "127.0.0.1:0".parse().unwrap()).unwrap();
//! # let peer = TcpStream::connect(&SystemExecutor, listener.local_addr().unwrap()).blocking().unwrap();
//! # let (stream, _) = listener.accept().blocking().unwrap();
//! # async_op::io::write_all(&peer, "hello").blocking().unwrap();
//! # assert_eq!(echo_once(&stream).blocking().unwrap(), 5);
//! ```
//!
//! A step that completes as the operation does takes `op` itself for its token, and
//! [`op.then(..)`](crate::Completion::then) is a token too, for steps whose own tokens are bound
//! to something besides. A request to stop reaches the step that is under way, and those that are started after it
//! are asked as they begin: one that is to say good-bye all the same has
//! [`bind_cancellation_slot`](crate::bind_cancellation_slot)`(CancellationSlot::unconnected(), ..)`.
//!
//! # The deferred form
//!
//! ```
//! # use async_op::{Initiation, async_op};
//! # use async_op::time::Timer;
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
//! # use async_op::{
//! #     CompletionToken, Deferred, Initiation, Operation, SystemExecutor, async_initiate,
//! # };
//! # use async_op::time::Timer;
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
//!   caller that gives up does not take the reply of the next one with it, and
//!   the form that keeps a trait dyn-compatible. (A whole one of those is
//!   `net::pipeline`, behind the feature `pipeline`.)
//! - What *receives*, where each thing that comes is somebody's, loses one in the
//!   handler form when its future is dropped after it has completed. So write requests in
//!   the handler form, and receives in the async form over a [`Channel`]; or have them
//!   complete with a [`Returnable`], which goes back.
//! - Where the operation is another one with its result changed, the deferred
//!   form has no cost at all.
//!
//! [`CancellationSignal`]: crate::cancel::CancellationSignal
//! [`Channel`]: crate::sync::Channel
//! [`Completion`]: crate::Completion
//! [`Initiation`]: crate::Initiation
//! [`Operation`]: crate::Operation
//! [`Returnable`]: crate::sync::Returnable
//! [`UseFuture`]: crate::UseFuture
//! [`cancel_after`]: crate::cancel_after()
//! [`cancelled`]: crate::cancel::cancelled
//! [`on_cancel`]: crate::Completion::on_cancel
//! [`this_op::or_cancelled`]: crate::this_op::or_cancelled
