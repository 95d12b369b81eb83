use std::future::Future;
use std::io;
use std::time::Duration;

use super::greeting::greet;
use super::session::Session;
use super::{Id, Input};
use crate::cancel::OperationError;
use crate::context::IoExecutor;
use crate::io::{Transport, error_again};

/// What is said over a [`Pipeline`](super::Pipeline): all that its author writes.
///
/// The page of the [module](super#a-client) has a whole one, of which the examples below are
/// parts.
///
/// None of these functions is called while a lock is held, and none may wait, but
/// [`connect`](Self::connect). The value itself is shared by all connections, and by all
/// threads: what concerns one connection is in its `Decoder` and its `Encoder`, what concerns
/// one request in its `Pending`.
pub trait Protocol: Sized + Send + Sync + 'static {
    /// What the bytes go over.
    type Stream: Transport;
    /// What is asked.
    type Request: Send + 'static;
    /// What a request completes with.
    type Reply: Send + 'static;
    /// What comes before that, of a request that was [opened](super::Pipeline::open):
    /// a row, a message of a subscription. [`Infallible`](std::convert::Infallible) if
    /// there is no such thing.
    type Part: Send + 'static;
    /// What the other end says by itself. `Infallible` if it does not.
    type Message: Send + 'static;
    /// Why a request fails: an [`io::Error`], or something that has one in it.
    type Error: PipelineError;
    /// What has to be known of a request to read its reply, and what has come of that.
    type Pending: Send + 'static;
    /// How far the reading of one connection has come.
    type Decoder: Send + 'static;
    /// What has to be known of a connection to write a request: the version that was agreed
    /// on, numbers that the other end gives, what it has been told before. `()` if a request
    /// is the same on any connection.
    ///
    /// With `()`, or another type without a size, a request is encoded where it is made: on
    /// many threads at once, and before there is a connection. With any other it waits for
    /// the connection. Then one is encoded at a time, in the order in which they are sent, and
    /// goes to the connection that it was encoded for or to none.
    type Encoder: Default + Send + 'static;

    /// Connects, and says whatever is said first, in as many round trips as that takes:
    /// secure the stream, show a password, agree on a version.
    ///
    /// What has come beyond the last answer stays in `input`. Dropped, or
    /// asked to stop, when nobody waits for it any more.
    ///
    /// ```
    #[doc = example!(types)]
    /// async fn connect(&self, on: &IoExecutor, input: &mut Input) -> io::Result<(TcpStream, ())> {
    ///     let stream = TcpStream::connect(on, self.address).await?;
    ///     async_op::io::write_all(&stream, "HELLO\n").await?;
    ///     while input.take_line(80)?.is_none() {
    ///         input.read_more(&stream).await?; // it greets us, too
    ///     }
    ///     Ok((stream, ()))
    /// }
    #[doc = example!(encode decode)]
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// All who wait receive the error, by [`again`](PipelineError::again).
    fn connect(
        &self,
        executor: &IoExecutor,
        input: &mut Input,
    ) -> impl Future<Output = Result<(Self::Stream, Self::Decoder), Self::Error>> + Send;

    /// Makes a request on a connection that is being made, and returns its reply: for what is
    /// said first where that is a request like any other, such as to log in.
    ///
    /// Its encoder is a default one, and its id 0. Parts of the reply are dropped, and messages
    /// are nobody's but [`notice`](Self::notice)'s.
    ///
    /// ```
    #[doc = example!(types)]
    /// async fn connect(&self, on: &IoExecutor, input: &mut Input) -> io::Result<(TcpStream, ())> {
    ///     let stream = TcpStream::connect(on, self.address).await?;
    ///     self.greet(&stream, input, &mut (), "I am Bob".into()).await?;
    ///     Ok((stream, ()))
    /// }
    #[doc = example!(encode decode)]
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `encode`, of the reply and of the stream.
    fn greet(
        &self,
        stream: &Self::Stream,
        input: &mut Input,
        decoder: &mut Self::Decoder,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Reply, Self::Error>> + Send {
        greet(self, stream, input, decoder, request)
    }

    /// Returns what the requests of a new connection are encoded with, by what `connect` has
    /// left in its decoder. By default it knows nothing yet.
    ///
    /// Where the decoder learns later what it has to know, they have that in common.
    ///
    /// ```
    #[doc = example!(head)]
    /// // The version that was agreed on.
    /// type Decoder = u32;
    /// type Encoder = u32;
    ///
    /// fn encoder(&self, version: &mut u32) -> u32 {
    ///     *version
    /// }
    ///
    /// fn encode(
    ///     &self,
    ///     version: &mut u32,
    ///     request: String,
    ///     _: Id,
    ///     out: &mut Vec<u8>,
    /// ) -> io::Result<Expect<Self>> {
    ///     out.extend_from_slice(format!("{version} {request}\n").as_bytes());
    ///     Ok(Expect::InOrder(()))
    /// }
    /// # async fn connect(&self, on: &IoExecutor, _: &mut Input) -> io::Result<(TcpStream, u32)> {
    /// #     Ok((TcpStream::connect(on, self.address).await?, 1))
    /// # }
    /// # fn decode(
    /// #     &self,
    /// #     _: &mut u32,
    /// #     _: &mut Input,
    /// #     _: &mut Session<'_, Self>,
    /// # ) -> io::Result<Option<Event<Self>>> {
    /// #     Ok(None)
    /// # }
    /// # }
    /// ```
    fn encoder(&self, decoder: &mut Self::Decoder) -> Self::Encoder {
        let _ = decoder;
        Self::Encoder::default()
    }

    /// Adds a request to `out`, and says what there is to expect.
    ///
    /// ```
    #[doc = example!(types connect)]
    /// fn encode(
    ///     &self,
    ///     (): &mut (),
    ///     request: String,
    ///     _: Id,
    ///     out: &mut Vec<u8>,
    /// ) -> io::Result<Expect<Self>> {
    ///     if request.contains('\n') {
    ///         return Err(io::ErrorKind::InvalidInput.into()); // it would be two
    ///     }
    ///     out.extend_from_slice(request.as_bytes());
    ///     out.push(b'\n');
    ///     Ok(Expect::InOrder(()))
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The request completes with the error. Nothing of it is sent, so `encoder` has to be as it
    /// was.
    fn encode(
        &self,
        encoder: &mut Self::Encoder,
        request: Self::Request,
        id: Id,
        out: &mut Vec<u8>,
    ) -> Result<Expect<Self>, Self::Error>;

    /// Adds what the caller of an [upload](Expect::Upload) says next, and last.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn encode_more(&self, more: String, _: Id, out: &mut Vec<u8>) -> io::Result<()> {
    ///     out.extend_from_slice(more.as_bytes());
    ///     out.push(b'\n');
    ///     Ok(())
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The caller receives the error, and may say something else. By default nothing can be
    /// said.
    fn encode_more(
        &self,
        request: Self::Request,
        id: Id,
        out: &mut Vec<u8>,
    ) -> Result<(), Self::Error> {
        let _ = (request, id, out);
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }

    /// Takes the next thing that was said out of `input`; `None` if not all of it is there.
    ///
    /// What this has taken of something that is not all there it notes in `decoder`.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn decode(
    ///     &self,
    ///     (): &mut (),
    ///     input: &mut Input,
    ///     _: &mut Session<'_, Self>,
    /// ) -> io::Result<Option<Event<Self>>> {
    ///     let Some(line) = input.take_line(1024)? else {
    ///         return Ok(None); // not all of it has come
    ///     };
    ///     let reply = String::from_utf8_lossy(line).into_owned();
    ///     Ok(Some(Event::Reply(Ok(reply))))
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection is at its end: all who wait receive the error. What the
    /// other end refuses, and goes on after, is an error inside of an [`Event`].
    fn decode(
        &self,
        decoder: &mut Self::Decoder,
        input: &mut Input,
        session: &mut Session<'_, Self>,
    ) -> Result<Option<Event<Self>>, Self::Error>;

    /// Receives what the other end says by itself; returns what is to be kept for
    /// [`next_message`](super::Pipeline::next_message): by default all.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn notice(&self, message: String) -> Option<String> {
    ///     println!("{message}");
    ///     None // and nobody waits for it
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    fn notice(&self, message: Self::Message) -> Option<Self::Message> {
        Some(message)
    }

    /// Returns whether messages may come. While none may, `next_message` fails rather than
    /// wait for ever. Asked again after each reply.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn expects_messages(&self) -> bool {
    ///     false // as nobody has subscribed to anything
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    fn expects_messages(&self) -> bool {
        true
    }

    /// Returns whether the next request connects anew when a connection has failed. If not,
    /// it fails as that did. By default it does.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn reconnects(&self) -> bool {
    ///     false // what the server knows of this session is lost with it
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    fn reconnects(&self) -> bool {
        true
    }

    /// Returns whether the reply to a request that is told [by id](Expect::ById) may never
    /// come, so that what is given up is forgotten at once. By default each has one.
    ///
    /// Read all of an [`Id`] then: shortened it may come to be another request's.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn may_stay_silent(&self) -> bool {
    ///     true // what the server cannot do it does not answer
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    fn may_stay_silent(&self) -> bool {
        false
    }

    /// Returns what to tell all who wait when the connection fails, but for what
    /// [`connect`](Self::connect), [`decode`](Self::decode) and the stream say themselves.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn failure(&self, failure: Failure) -> io::Error {
    ///     match failure {
    ///         Failure::Silent => io::Error::other("the server has fallen asleep"),
    ///         failure => failure.into(),
    ///     }
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    fn failure(&self, failure: Failure) -> Self::Error {
        io::Error::from(failure).into()
    }

    /// Returns the limits.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn limits(&self) -> Limits {
    ///     let mut limits = Limits::default();
    ///     limits.silence = Some(std::time::Duration::from_secs(10));
    ///     limits
    /// }
    #[doc = example!(decode)]
    /// # }
    /// ```
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// What comes of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Expect<P: Protocol> {
    /// Its reply comes after those to all that was sent before.
    InOrder(P::Pending),
    /// The reply names the request, by the id that it was encoded with.
    ById(P::Pending),
    /// None: the request completes with this when the stream has taken all of it.
    Nothing(P::Reply),
    /// As `InOrder`, and the caller sends further parts, by
    /// [`send`](super::Exchange::send) and [`finish`](super::Exchange::finish). What others
    /// ask meanwhile waits behind it.
    Upload(P::Pending),
}

/// What has been said by the other end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<P: Protocol> {
    /// The end of the reply to the first request that is in order.
    Reply(Result<P::Reply, P::Error>),
    /// Something that comes before that.
    Part(P::Part),
    /// The end of the reply to the request of this id.
    ReplyTo(Id, Result<P::Reply, P::Error>),
    /// Something that comes before that.
    PartTo(Id, P::Part),
    /// What nobody has asked for.
    Message(P::Message),
    /// Something that concerns nobody.
    Nothing,
}

/// What a pipeline keeps of what is not wanted yet, and how long it waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// So many bytes wait to be written; further requests wait their turn.
    pub unsent: usize,
    /// So many requests wait to be answered, one at the least; further ones wait their turn.
    pub unanswered: usize,
    /// So many messages are kept. More end the connection.
    pub messages: usize,
    /// So many parts of one reply are kept. Where replies come in order, no more is read
    /// until some are taken; where they come by id, the exchange fails.
    pub parts: usize,
    /// A connection on which nothing has come for so long, though a reply is due, fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut), and so does one that is not made within it. That
    /// of an [upload](Expect::Upload) is due when it has been finished; until then the other end
    /// has so long to take something of what is sent.
    pub silence: Option<Duration>,
}

impl Default for Limits {
    /// 4 MiB, 100,000 requests, 100,000 messages, 1,000 parts, and no limit on silence.
    fn default() -> Self {
        Self {
            unsent: 4 << 20,
            unanswered: 100_000,
            messages: 100_000,
            parts: 1000,
            silence: None,
        }
    }
}

/// Why a connection is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The other end has closed it.
    Ended,
    /// Nothing has come for [so long](Limits::silence).
    Silent,
    /// A reply has come that nobody has asked for.
    Unasked,
    /// More messages have come than [are kept](Limits::messages).
    Overrun,
    /// What somebody was [saying](Expect::Upload) has been given up in the middle.
    CutShort,
    /// The protocol's own code has panicked.
    Panicked,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let text = match failure {
            Failure::Ended => return io::ErrorKind::UnexpectedEof.into(),
            Failure::Silent => return io::ErrorKind::TimedOut.into(),
            Failure::Unasked => "a reply has come that nobody has asked for",
            Failure::Overrun => "more messages have come than are asked for",
            Failure::CutShort => "a request has been given up in the middle",
            Failure::Panicked => "what speaks the protocol has panicked",
        };
        let kind = match failure {
            Failure::Unasked => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, text)
    }
}

/// An error that many who wait on one connection can receive.
pub trait PipelineError: From<io::Error> + OperationError + Send + Sync + 'static {
    /// Returns the same error once more, for the next of those whom it concerns.
    ///
    /// ```
    /// use async_op::net::pipeline::PipelineError;
    /// use std::io::{Error, ErrorKind};
    ///
    /// let error = Error::from(ErrorKind::ConnectionReset);
    /// assert_eq!(error.again().kind(), ErrorKind::ConnectionReset);
    /// ```
    fn again(&self) -> Self;
}

/// Of the same kind, with the same code or text.
impl PipelineError for io::Error {
    fn again(&self) -> Self {
        error_again(self)
    }
}
