//! What Redis says over a [`Pipeline`]: replies in the order of the commands, and messages
//! of channels among them.

use std::convert::Infallible;
use std::mem;

use allocator_api2::boxed::Box;
use async_op::alloc::Recycling;
use async_op::net::AnyStream;
use async_op::net::pipeline::{Event, Expect, Failure, Id, Input, Pipeline, Protocol, Session};
use async_op::{Initiation, IoExecutor, IoObject, async_op};

use super::command::{Command, Flaw};
use super::config::Config;
use super::news::{Interest, Message, News, Subscriptions, news};
use super::resp::Scanner;
use super::value::{Error, Result, Value};

/// A client: a handle, as all I/O objects are.
///
/// It connects when there is something to send, and again after a failure. What
/// was under way when the connection failed is not sent a second time: it
/// completes with the error. So does the first request on a connection that the server
/// has closed meanwhile, for what belongs to a connection, such as the keys it watches,
/// is gone with it.
#[derive(Clone)]
pub struct Client {
    pipeline: Pipeline<Redis>,
}

impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.pipeline.executor()
    }
}

impl Client {
    /// Makes a client; connects later.
    pub fn new(executor: &IoExecutor, config: Config) -> Self {
        let redis = Redis {
            config,
            interest: Interest::default(),
        };
        Self {
            pipeline: Pipeline::new(executor, redis),
        }
    }

    pub fn config(&self) -> &Config {
        &self.pipeline.protocol().config
    }

    /// Returns whether there is a connection. If not, the next request makes one.
    pub fn is_connected(&self) -> bool {
        self.pipeline.is_connected()
    }

    /// Closes the connection: all who wait are cancelled. No handler runs in here.
    pub fn close(&self) {
        self.pipeline.close();
    }

    /// Sends a command, and completes with its reply.
    ///
    /// Of several commands in one the last reply counts, or, if it has been made so,
    /// an array of all. Cancelled or dropped, the command is carried out all the same,
    /// but for one that had not been sent before the connection failed.
    ///
    /// What replies for ever, or not at all, such as `MONITOR` or `CLIENT REPLY`, is
    /// refused, and so are `HELLO` and `RESET`.
    #[async_op]
    pub fn async_request(&self, command: Command) -> impl Initiation<fn(Result<Value>)> {
        self.pipeline.request(command)
    }

    /// Completes with the next message of the channels subscribed to; with the error
    /// [`NotConnected`](std::io::ErrorKind::NotConnected) when there is no such channel any
    /// more. None is lost, whatever becomes of the future.
    #[async_op]
    pub fn async_next_message(&self) -> impl Initiation<fn(Result<Message>)> {
        self.pipeline.next_message()
    }
}

struct Redis {
    config: Config,
    /// In messages: of requests about channels that have not been answered, and of channels.
    interest: Interest,
}

impl Redis {
    #[inline(never)]
    fn more_of(&self, command: &Command) -> Box<More, Recycling> {
        let asks = command.is_about_channels();
        let more = More {
            so_far: match command.collects {
                true => Value::Array(Vec::with_capacity(command.replies as usize)),
                false => Value::Null,
            },
            collects: command.collects,
            asks: asks.then(|| self.interest.in_more(1)),
        };
        Box::new_in(more, Recycling)
    }
}

/// What is left of a command to be answered.
struct Pending {
    /// How many replies are still to come.
    replies: u32,
    /// What most commands have nothing of.
    more: Option<Box<More, Recycling>>,
}

/// Of a command with several replies, or about channels.
struct More {
    /// The last reply, or the first error, which says more; or all of them.
    so_far: Value,
    collects: bool,
    asks: Option<Interest>,
}

impl Pending {
    fn asks(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.asks.is_some())
    }

    /// Notes a reply; returns what the command completes with, if it was the last.
    fn note(&mut self, value: Value) -> Option<Value> {
        self.replies -= 1;
        let Some(more) = &mut self.more else {
            return Some(value);
        };
        let more = &mut **more;
        match &mut more.so_far {
            Value::Array(all) if more.collects => all.push(value),
            Value::Error(_) => {}
            last => *last = value,
        }
        (self.replies == 0).then(|| mem::replace(&mut more.so_far, Value::Null))
    }

    /// What was asked for has been refused as a whole.
    fn refuse(&mut self) {
        if self.more.as_ref().is_none_or(|more| !more.collects) {
            self.replies = 1;
        }
    }
}

/// How far the reading of a connection has come.
struct Decoder {
    scanner: Scanner,
    subscriptions: Subscriptions,
}

impl Protocol for Redis {
    type Stream = AnyStream;
    type Request = Command;
    type Reply = Value;
    type Part = Infallible;
    type Message = Message;
    type Error = Error;
    type Pending = Pending;
    type Decoder = Decoder;
    type Encoder = ();

    async fn connect(
        &self,
        executor: &IoExecutor,
        input: &mut Input,
    ) -> Result<(AnyStream, Decoder)> {
        let stream = self.config.connect(executor).await?;
        let mut decoder = Decoder {
            scanner: Scanner::default(),
            subscriptions: Subscriptions::new(&self.interest),
        };
        if let Some(greeting) = self.config.greeting() {
            self.greet(&stream, input, &mut decoder, greeting).await?;
        }
        Ok((stream, decoder))
    }

    #[inline]
    fn encode(
        &self,
        (): &mut (),
        command: Command,
        _: Id,
        out: &mut Vec<u8>,
    ) -> Result<Expect<Self>> {
        if let Some(flaw) = command.flaw() {
            return Err(Error::refused(flaw.text()));
        }
        if command.replies == 0 {
            return Ok(Expect::Nothing(Value::Array(Vec::new())));
        }
        out.extend_from_slice(command.as_bytes());
        let has_more = command.replies > 1 || command.collects || command.is_about_channels();
        Ok(Expect::InOrder(Pending {
            replies: command.replies,
            more: has_more.then(|| self.more_of(&command)),
        }))
    }

    #[inline]
    fn decode(
        &self,
        decoder: &mut Decoder,
        input: &mut Input,
        session: &mut Session<'_, Self>,
    ) -> Result<Option<Event<Self>>> {
        let Some(value) = decoder.scanner.next(input, self.config.longest_reply)? else {
            return Ok(None);
        };
        // RESP3 says itself what a message is.
        let in_arrays = decoder.subscriptions.are_in_force() && !self.config.resp3;
        let front = session.front();
        let asks = front.as_ref().is_some_and(|front| front.asks());
        let value = match news(value, in_arrays, asks) {
            News::Message(message) => return Ok(Some(Event::Message(message))),
            News::Other => return Ok(Some(Event::Nothing)),
            News::Reply(value) => value,
        };
        let Some(front) = front else {
            return Err(self.failure(Failure::Unasked));
        };
        if asks && !decoder.subscriptions.note(&value) {
            if value == Value::Status("QUEUED".into()) {
                // What would come of it nobody could tell from replies.
                return Err(Error::refused(Flaw::InTransaction.text()));
            }
            front.refuse();
        }
        Ok(Some(match front.note(value) {
            None => Event::Nothing,
            Some(Value::Error(message)) => Event::Reply(Err(Error::Server(message))),
            Some(value) => Event::Reply(Ok(value)),
        }))
    }

    fn expects_messages(&self) -> bool {
        self.interest.is_any()
    }

    fn failure(&self, failure: Failure) -> Error {
        match failure {
            Failure::Unasked => Error::Protocol("a reply that nobody has asked for"),
            Failure::Overrun => Error::Protocol("more messages than are asked for"),
            failure => Error::Io(failure.into()),
        }
    }
}
