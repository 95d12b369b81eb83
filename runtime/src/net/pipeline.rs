//! Connections that any number of requests share: the part of a client that is the same for
//! all protocols.
//!
//! The author of a client writes a [`Protocol`]: what is said first, how a request is written,
//! how the next reply is read. A [`Pipeline`] of it is a handle whose
//! [`request`](Pipeline::request) is an operation, for every token and any number of callers,
//! on one thread or many. The rest is here: connecting when there is something to ask,
//! replies in order or by id, few writes for many requests, limits, callers that give up.
//!
//! # A client
//!
//! Of a server that says in capitals what it is told:
//!
//! ```
//! use async_op::net::TcpStream;
//! use async_op::net::pipeline::{Event, Expect, Id, Input, Pipeline, Protocol, Session};
//! use async_op::{IoContext, IoExecutor};
//! use std::convert::Infallible;
//! use std::io;
//! use std::net::SocketAddr;
//!
//! struct Capitals {
//!     address: SocketAddr,
//! }
//!
//! impl Protocol for Capitals {
//!     type Stream = TcpStream;
//!     type Request = String;
//!     type Reply = String;
//!     type Part = Infallible; // replies come whole
//!     type Message = Infallible; // and are all that comes
//!     type Error = io::Error;
//!     type Pending = (); // any reply can be read without its request
//!     type Decoder = (); // and from its beginning
//!     type Encoder = (); // and each request is the same on any connection
//!
//!     async fn connect(&self, on: &IoExecutor, _: &mut Input) -> io::Result<(TcpStream, ())> {
//!         Ok((TcpStream::connect(on, self.address).await?, ()))
//!     }
//!
//!     fn encode(
//!         &self,
//!         (): &mut (),
//!         request: String,
//!         _: Id,
//!         out: &mut Vec<u8>,
//!     ) -> io::Result<Expect<Self>> {
//!         out.extend_from_slice(request.as_bytes());
//!         out.push(b'\n');
//!         Ok(Expect::InOrder(()))
//!     }
//!
//!     fn decode(
//!         &self,
//!         (): &mut (),
//!         input: &mut Input,
//!         _: &mut Session<'_, Self>,
//!     ) -> io::Result<Option<Event<Self>>> {
//!         let Some(line) = input.take_line(1024)? else {
//!             return Ok(None); // not all of it has come
//!         };
//!         let reply = String::from_utf8_lossy(line).into_owned();
//!         Ok(Some(Event::Reply(Ok(reply))))
//!     }
//! }
//!
//! # use std::io::{BufRead, BufReader, Write};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let address = listener.local_addr()?;
//! # std::thread::spawn(move || {
//! #     let (mut stream, _) = listener.accept().unwrap();
//! #     for line in BufReader::new(stream.try_clone().unwrap()).lines() {
//! #         writeln!(stream, "{}", line.unwrap().to_uppercase()).unwrap();
//! #     }
//! # });
//! let context = IoContext::new()?;
//! let client = Pipeline::new(&context, Capitals { address });
//! assert_eq!(client.request("one".into()).blocking()?, "ONE");
//! // Both of these are on their way before the first is answered.
//! client.request("two".into()).callback(|reply| assert_eq!(reply.unwrap(), "TWO"));
//! client.request("three".into()).callback(|reply| assert_eq!(reply.unwrap(), "THREE"));
//! context.run();
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Where the server is may be an [`Address`], which connects to TCP, a Unix socket or what a test
//! has; what is said first may be a request like others, by [`greet`](Protocol::greet).
//!
//! Wrap it in a type with an operation for each thing that can be asked, made of
//! `request` by [`map`](crate::Operation::map). `runtime/examples`, in the repository, has
//! clients of memcached (all in order), NATS (by id, and subscriptions), Redis (messages among the
//! replies) and PostgreSQL (rows, copies, a session that is made again as it was), each of
//! which is little more than its protocol.
//!
//! # What a request knows of its connection
//!
//! Nothing, where the [`Encoder`](Protocol::Encoder) is `()` as above: it is encoded where it is
//! made, on many threads at once, and before there is a connection. A protocol whose requests
//! depend on what was agreed on, on numbers that the server gives, or on what was said before,
//! has an encoder for each connection. Its requests are encoded when there is one, one at a time.
//!
//! # What comes of a request
//!
//! [`encode`](Protocol::encode) says what there is to [`Expect`]: a reply in the order of the
//! requests, one that names its request by an [`Id`], or none. A request that is given up,
//! cancelled, dropped or out of time, keeps its place until its reply has come, which then
//! goes to nobody. [`decode`](Protocol::decode) is told of the request that is next
//! ([`Session::front`]), or of one by its id, by what `encode` has left of it: its `Pending`.
//!
//! A reply may have parts, such as rows. Who wants them opens the request
//! ([`Pipeline::open`]), and asks the [`Exchange`] for one after another. A request may have
//! parts, too: an [upload](Expect::Upload).
//!
//! What nobody has asked for goes to [`Protocol::notice`], and what that returns to
//! [`Pipeline::next_message`]. An error that leaves the connection usable is one inside of an
//! [`Event::Reply`]; one that `decode` returns ends it.
//!
//! # When a connection ends
//!
//! All who wait receive the error, each once: those whose requests were under way, and those
//! who wait for parts or messages. Nothing is sent a second time. The next request makes a new
//! connection, unless the protocol [says no](Protocol::reconnects). Where it is a write that
//! fails, what the other end has said before is read to its end, for a second at the most:
//! replies, and perhaps why it has gone. What is asked meanwhile waits for the next connection;
//! where there is none, it fails at once. A new one begins with a new `Decoder`, and nothing of
//! the old one is read or written any more.
//!
//! To stop what is under way by another connection, as some servers want it, is up to the
//! client: what that has to know is learnt in `connect`, and kept in the protocol,
//! which all have ([`Pipeline::protocol`]).
//!
//! # Who runs it
//!
//! The operations of a pipeline run on the executor that it is made with. While nobody waits
//! for anything, nobody reads or writes: so [`IoContext::run`](crate::IoContext::run) returns,
//! and what the other end says meanwhile is read with the next reply. A
//! server that wants to be answered in between needs somebody who waits, for a message, say.
//!
//! No lock is held while code of others runs: the protocol's, the handlers', what is dropped.
//! A handler that panics takes nothing with it: another goes on to read where it was. If
//! `connect` or `decode` panics, the connection is at its end, and all are told; if `encode`
//! does, so is the call that makes the request, or what runs the context where the request has
//! waited, whose caller is told; and an encoder that knows its connection takes that with it.
//!
//! # Allocation
//!
//! In the long run a request takes nothing from the heap: its operation is in recycled memory,
//! places and buffers are used again. What `Request`, `Reply` and `Pending` have of their own
//! is the protocol's affair.

#![allow(
    clippy::type_complexity,
    reason = "a signature says all that there is to say"
)]

#[macro_use]
mod example;

mod address;
mod back;
mod door;
mod exchange;
mod greeting;
mod input;
mod line;
mod link;
mod places;
mod protocol;
mod reader;
mod request;
mod session;
mod turn;
mod waiter;
mod writer;

pub use crate::io::Transport;
pub use address::Address;
pub use exchange::Exchange;
pub use input::Input;
pub use places::Id;
pub use protocol::{Event, Expect, Failure, Limits, PipelineError, Protocol};
pub use session::Session;

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use self::back::{Giving, MessageBack};
use self::link::{Shared, Status, Stops};
use self::reader::{Attempt, Next, Reader};
use crate::cancel::{CancellationSignal, OperationError, cancelled, is_cancelled};
use crate::context::IoExecutor;
use crate::executor::IoObject;
use crate::initiation::Initiation;
use crate::io::{AsyncReadStream, AsyncWriteStream};
use crate::sync::Returnable;
use crate::time::{Timer, sleep};
use crate::token::{CompletionToken, Detached};
use crate::{Completion, async_op, bind_cancellation_slot, this_op};

/// A connection that any number of requests share: see the [module](self).
///
/// A handle: clones are the same connection, and may be used on any thread. It ends with the
/// last of them, or with the last one who waits.
///
/// The examples below are of the client [there](self#a-client).
pub struct Pipeline<P: Protocol> {
    handle: Arc<Handle<P>>,
}

/// What all handles have in common: with it the connection goes, unless somebody waits.
struct Handle<P: Protocol> {
    shared: Arc<Shared<P>>,
}

impl<P: Protocol> Drop for Handle<P> {
    fn drop(&mut self) {
        self.shared.lock().has_handles = false;
        self.shared.leave();
    }
}

impl<P: Protocol> Pipeline<P> {
    /// Makes a pipeline of a context: `&context`, an executor of one, or `&SystemExecutor`. It
    /// connects when there is something to say.
    ///
    /// ```
    #[doc = example!(client)]
    /// let client = Pipeline::new(&context, Capitals { address });
    /// assert!(!client.is_connected()); // until there is something to say
    /// assert_eq!(client.request("hello".into()).blocking()?, "HELLO");
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Out of memory
    ///
    /// Aborts the process, as [`Arc::new`](std::sync::Arc::new) does.
    pub fn new(executor: &IoExecutor, protocol: P) -> Self {
        let shared = Arc::new(Shared::new(*executor, protocol));
        Self {
            handle: Arc::new(Handle { shared }),
        }
    }

    fn shared(&self) -> &Arc<Shared<P>> {
        &self.handle.shared
    }

    /// Returns the protocol.
    ///
    /// ```
    #[doc = example!(client)]
    /// println!("connects to {}", client.protocol().address);
    /// assert_eq!(client.protocol().address, address);
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn protocol(&self) -> &P {
        &self.shared().protocol
    }

    /// Returns whether there is a connection. If not, the next request makes one.
    ///
    /// ```
    #[doc = example!(client)]
    /// client.request("hello".into()).blocking()?;
    /// assert!(client.is_connected());
    /// client.close();
    /// assert!(!client.is_connected());
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn is_connected(&self) -> bool {
        matches!(self.shared().lock().link.status, Status::Up(_))
    }

    /// Closes the connection: all who wait are [cancelled](crate::is_cancelled). No handler
    /// runs in here. The next request makes a new connection, unless the protocol
    /// [says no](Protocol::reconnects).
    ///
    /// ```
    #[doc = example!(client)]
    /// client.request("hello".into()).callback(|reply| {
    ///     assert!(async_op::is_cancelled(&reply.unwrap_err()));
    /// });
    /// client.close();
    /// context.run();
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn close(&self) {
        let error = cancelled().into();
        let mut state = self.shared().lock();
        // Nobody is left to wait for the next one, either.
        let _late = state.link.write_error.take();
        self.shared().end(state, error).tell_later();
    }

    /// Makes a request, and completes with its reply.
    ///
    /// ```
    #[doc = example!(client)]
    /// client.request("one".into()).callback(|reply| assert_eq!(reply.unwrap(), "ONE"));
    /// client.request("two".into()).callback(|reply| assert_eq!(reply.unwrap(), "TWO"));
    /// context.run();
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(Result<P::Reply, P::Error>)`.
    ///
    /// # Overlap
    ///
    /// Any number of requests may be under way. They are written in the order in which they
    /// were started; several at once in one write. Beyond the [limits](Limits) they wait.
    ///
    /// # Allocation
    ///
    /// The operation's own memory, which is recycled, awaited or not, and a small recycled
    /// block for requests to stop.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the request is carried out all the same, and its reply is nobody's; unless it
    /// has not been written yet when its connection fails, or still waits to be encoded: for
    /// room, or for a connection that it has to know. Requests of every
    /// [type](crate::cancel::CancellationType) are honoured in the same way.
    ///
    /// # Errors
    ///
    /// The protocol's, that of the connection, and
    /// [cancelled](crate::is_cancelled) by [`close`](Self::close).
    ///
    /// # Panics
    ///
    /// If [`encode`](Protocol::encode) does.
    #[async_op]
    pub fn async_request(
        &self,
        request: P::Request,
        op: Completion<fn(Result<P::Reply, P::Error>)>,
    ) {
        self.shared().submit(request, op);
    }

    /// Makes a request whose reply comes in parts, or which is made in parts.
    ///
    /// It is written where there is a connection; else that is made when somebody waits for
    /// something.
    ///
    /// ```
    #[doc = example!(client)]
    /// // The server answers with a part for each name, and how many there were.
    /// let list = client.open("list".into())?;
    /// while let Some(name) = list.next_part().blocking()? {
    ///     println!("{name}");
    /// }
    /// assert_eq!(list.reply().blocking()?, "2");
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The protocol's, if the request cannot be made, and that of a connection that is
    /// [not made again](Protocol::reconnects). What becomes of it later is told by the
    /// [`Exchange`].
    ///
    /// # Panics
    ///
    /// If [`encode`](Protocol::encode) does.
    pub fn open(&self, request: P::Request) -> Result<Exchange<P>, P::Error> {
        let id = self.shared().open(request)?;
        Ok(Exchange::new(self.shared().clone(), id))
    }

    /// Completes with the next message that nobody has asked for.
    ///
    /// ```
    #[doc = example!(client)]
    /// // The server tells us something before it answers.
    /// client.request("news".into()).callback(|reply| assert_eq!(reply.unwrap(), "OK"));
    /// assert_eq!(client.next_message().blocking()?, "NEWS");
    /// context.run();
    /// # Ok::<(), io::Error>(())
    /// ```
    ///
    /// # Completion
    ///
    /// `fn(Result<P::Message, P::Error>)`. Completes at once if there is one.
    ///
    /// # Overlap
    ///
    /// Any number of these may wait; they are served in the order in which they came.
    ///
    /// # Allocation
    ///
    /// The operation's own memory, which is recycled. Messages that are kept take room on the
    /// heap, which is used again.
    ///
    /// # Cancel safety
    ///
    /// Yes, and requests of every [type](crate::cancel::CancellationType) are honoured: a
    /// message that nobody has received is the next one's.
    ///
    /// # Errors
    ///
    /// That of the connection; of kind [`NotConnected`](std::io::ErrorKind::NotConnected) where
    /// [none may come](Protocol::expects_messages). What has come before is received first.
    #[async_op]
    pub fn async_next_message(&self) -> impl Initiation<fn(Result<P::Message, P::Error>)> {
        let message = self.message();
        message.map(|message| Ok(Returnable::receive(message?)))
    }

    #[async_op]
    fn async_message(
        &self,
        op: Completion<fn(Result<Returnable<P::Message, MessageBack<P>>, P::Error>)>,
    ) {
        let shared = self.shared();
        let ticket = shared.ticket();
        let weak = Arc::downgrade(shared);
        op.on_cancel(move |_| {
            if let Some(shared) = Weak::upgrade(&weak) {
                shared.cancel_listener(ticket);
            }
        });
        let mut state = shared.lock();
        if !op.requested().is_empty() {
            drop(state);
            return op.complete(Err(cancelled().into()));
        }
        if let Some((order, message)) = state.messages.give() {
            drop(state);
            let shared = shared.clone();
            let _giving = Giving {
                shared: shared.clone(),
                id: None,
            };
            return op.complete(Ok(Returnable::new(message, MessageBack { shared, order })));
        }
        if let Status::Over(error) = &state.link.status {
            let error = error.clone();
            drop(state);
            return op.complete(Err(error.again()));
        }
        state.listeners.push_back((ticket, op));
        state.waiting += 1;
        drop(state);
        // Now, as the last subscription may just have ended.
        shared.disappoint();
        let state = shared.lock();
        if state.waiting > 0 {
            shared.serve(state, false);
        }
    }
}

/// What serves a pipeline while somebody waits; it is no handle.
struct Loops<P: Protocol> {
    shared: Arc<Shared<P>>,
}

impl<P: Protocol> Loops<P> {
    fn of(shared: &Arc<Shared<P>>) -> Self {
        Self {
            shared: shared.clone(),
        }
    }

    fn begin_to_connect(&self, attempt: Attempt<P>, stops: &Stops) {
        self.async_connect(attempt, stoppable(&stops.read));
    }

    fn begin_to_read(&self, stream: Arc<P::Stream>, reader: Reader<P>, stops: &Stops) {
        self.async_read_loop(stream, reader, stoppable(&stops.read));
    }

    fn begin_to_write(
        &self,
        stream: Arc<P::Stream>,
        epoch: u64,
        bytes: Vec<u8>,
        from: usize,
        stops: &Stops,
    ) {
        self.async_write_loop(stream, epoch, bytes, from, stoppable(&stops.write));
    }

    fn begin_to_part(&self, epoch: u64, stops: &Stops) {
        self.async_part(epoch, stoppable(&stops.last));
    }

    fn begin_to_watch(&self, epoch: u64, stops: &Stops) {
        let watch = Watch {
            shared: Arc::downgrade(&self.shared),
            executor: self.shared.executor,
        };
        watch.async_watch(epoch, stoppable(&stops.watch));
    }

    /// Makes a connection, and starts to read from it.
    #[async_op]
    async fn async_connect(&self, attempt: Attempt<P>) {
        while attempt.goes_on() {
            let mut input = Input::default();
            match attempt.connect(&mut input).await {
                Ok((stream, decoder)) => return attempt.succeeds(stream, input, decoder),
                // It goes on if somebody has come after the last one had gone.
                Err(error) if error.is_cancelled() => this_op::cancellation().clear(),
                Err(error) => return attempt.shared.fail(attempt.epoch, error),
            }
        }
    }

    /// Hands out replies until nobody waits for any.
    #[async_op]
    async fn async_read_loop(&self, stream: Arc<P::Stream>, reader: Reader<P>) {
        let mut reader = reader;
        loop {
            match reader.deliver() {
                Ok(Next::Read) => {}
                Ok(Next::Pause(timer)) => {
                    if timer.wait().await.is_err() {
                        this_op::cancellation().clear();
                    }
                    continue;
                }
                Ok(Next::End) => return,
                Err(error) => return self.shared.fail(reader.epoch, error),
            }
            let error = match stream.read_after(&mut reader.room(), 0).await {
                Ok(0) => self.shared.protocol.failure(Failure::Ended),
                Ok(n) => {
                    reader.received(n);
                    continue;
                }
                Err(error) if is_cancelled(&error) => {
                    // `deliver` finds out whether anybody waits.
                    this_op::cancellation().clear();
                    continue;
                }
                Err(error) => error.into(),
            };
            return self.shared.fail_to_read(reader.epoch, error);
        }
    }

    /// Writes `bytes` from there on, and what comes up meanwhile, while anybody waits.
    #[async_op]
    async fn async_write_loop(
        &self,
        stream: Arc<P::Stream>,
        epoch: u64,
        bytes: Vec<u8>,
        from: usize,
    ) {
        let (mut bytes, mut from) = (bytes, from);
        loop {
            bytes = match self.shared.goes_on_writing(epoch, bytes, from) {
                Some(bytes) => bytes,
                None => return,
            };
            match stream.write_after(&mut &bytes[from..], 0).await {
                Ok(n) if from + n == bytes.len() => {
                    bytes = match self.shared.written(epoch, bytes) {
                        Some(more) => more,
                        None => return,
                    };
                    from = 0;
                }
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::WriteZero);
                    return self.shared.fail_to_write(epoch, error.into());
                }
                Ok(n) => from += n,
                Err(error) if is_cancelled(&error) => this_op::cancellation().clear(),
                Err(error) => return self.shared.fail_to_write(epoch, error.into()),
            }
        }
    }

    /// Ends a connection to which nothing can be written, if nothing that is read does before.
    #[async_op]
    async fn async_part(&self, epoch: u64) {
        // Or nobody waits any more.
        let _ = sleep(&self.shared.executor, LAST_WORDS).await;
        self.shared.part(epoch);
    }
}

/// So long the last words of the other end are waited for, whose own end is seldom far behind.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What looks at the clock, and keeps no connection.
struct Watch<P: Protocol> {
    shared: Weak<Shared<P>>,
    executor: IoExecutor,
}

impl<P: Protocol> Watch<P> {
    /// Ends a connection on which nothing comes, though a reply is due.
    #[async_op]
    async fn async_watch(&self, epoch: u64) {
        let timer = Timer::new(&self.executor);
        while let Some(deadline) = self.next(epoch) {
            timer.expires_at(deadline);
            if timer.wait().await.is_err() {
                // `next` finds out whether anybody waits.
                this_op::cancellation().clear();
            }
        }
    }

    /// Returns until when to wait, if anybody does.
    fn next(&self, epoch: u64) -> Option<Instant> {
        let shared = self.shared.upgrade()?;
        let deadline = shared.next_watch(epoch)?;
        if self.executor.now() < deadline {
            return Some(deadline);
        }
        shared.fail(epoch, shared.protocol.failure(Failure::Silent));
        None
    }
}

impl<P: Protocol> Clone for Watch<P> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            executor: self.executor,
        }
    }
}

impl<P: Protocol> IoObject for Watch<P> {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.executor
    }
}

impl<P: Protocol> Clone for Loops<P> {
    fn clone(&self) -> Self {
        Self::of(&self.shared)
    }
}

impl<P: Protocol> IoObject for Loops<P> {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl<P: Protocol> Clone for Pipeline<P> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
        }
    }
}

impl<P: Protocol> IoObject for Pipeline<P> {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared().executor
    }
}

impl<P: Protocol> fmt::Debug for Pipeline<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared().lock();
        f.debug_struct("Pipeline")
            .field("is_connected", &matches!(state.link.status, Status::Up(_)))
            .field("waiting", &state.waiting)
            .field("unanswered", &state.link.unanswered)
            .finish_non_exhaustive()
    }
}

/// The token of what ends when nobody waits for it.
fn stoppable(stop: &CancellationSignal) -> impl CompletionToken<'static, fn()> + use<> {
    bind_cancellation_slot(stop.slot(), Detached)
}
