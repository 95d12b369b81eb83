//! What Redis says over a [`Pipeline`]: replies in the order of the commands, and messages
//! of channels among them.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use allocator_api2::boxed::Box;
use async_op::alloc::Recycling;
use async_op::io::write_all;
use async_op::net::AnyStream;
use async_op::net::pipeline::{Event, Expect, Failure, Id, Input, Pipeline, Protocol, Session};
use async_op::{Initiation, IoExecutor, IoObject, async_op};

use super::command::Command;
use super::config::Config;
use super::news::{Message, News, Subscriptions, news};
use super::resp::Scanner;
use super::stream;
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
            interest: Arc::default(),
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
    interest: Arc<Interest>,
}

/// Whether it makes sense to wait for messages.
#[derive(Default)]
pub(super) struct Interest {
    /// How many requests about channels have not been answered.
    asked: AtomicUsize,
    /// How many channels there are.
    pub(super) channels: AtomicI64,
}

/// What is left of a command to be answered.
struct Pending {
    /// How many replies are still to come.
    replies: u32,
    /// What most commands have nothing of.
    more: Option<Box<More, Recycling>>,
}

#[derive(Default)]
struct More {
    /// The replies that have come, if all count.
    all: Option<Vec<Value>>,
    /// The first error among them, which says more than the last.
    error: Option<String>,
    /// It is about channels.
    asked: Option<Asked>,
}

impl Pending {
    fn asks(&self) -> bool {
        let more = self.more.as_ref();
        more.is_some_and(|more| more.asked.is_some())
    }

    /// What was asked for has been refused as a whole.
    fn refuse(&mut self) {
        let more = self.more.as_ref();
        if more.is_none_or(|more| more.all.is_none()) {
            self.replies = 1;
        }
    }

    /// Notes a reply; returns what the command completes with, if it was the last.
    fn note(&mut self, value: Value) -> Option<Value> {
        self.replies -= 1;
        match (&mut self.more, self.replies) {
            (None, 0) => Some(value),
            (more, left) => {
                let more = more.get_or_insert_with(|| Box::new_in(More::default(), Recycling));
                more.note(value, left == 0)
            }
        }
    }
}

impl More {
    fn note(&mut self, value: Value, is_last: bool) -> Option<Value> {
        match (&mut self.all, value) {
            (Some(all), value) => {
                all.push(value);
                is_last.then(|| Value::Array(mem::take(all)))
            }
            (None, Value::Error(error)) => {
                let first = self.error.get_or_insert(error);
                is_last.then(|| Value::Error(mem::take(first)))
            }
            (None, value) => is_last.then_some(value),
        }
    }
}

/// Counts a request about channels, while there is no answer.
struct Asked(Arc<Interest>);

impl Asked {
    fn new(interest: &Arc<Interest>) -> Self {
        interest.asked.fetch_add(1, Ordering::SeqCst);
        Self(interest.clone())
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::SeqCst);
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
        let stream = stream::connect(executor, &self.config).await?;
        let mut decoder = Decoder {
            scanner: Scanner::default(),
            subscriptions: Subscriptions::new(&self.interest),
        };
        let Some(greeting) = self.config.greeting() else {
            return Ok((stream, decoder));
        };
        write_all(&stream, greeting.as_bytes()).await?;
        let mut replies = greeting.replies;
        while replies > 0 {
            match decoder.scanner.next(input, self.config.longest_reply)? {
                Some(Value::Error(message)) => return Err(Error::Server(message)),
                Some(_) => replies -= 1,
                None => input.read_more(&stream).await?,
            }
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
        let asks = command.is_about_channels();
        let more = (asks || command.collects).then(|| {
            let all = command.collects;
            let more = More {
                all: all.then(|| Vec::with_capacity(command.replies as usize)),
                error: None,
                asked: asks.then(|| Asked::new(&self.interest)),
            };
            Box::new_in(more, Recycling)
        });
        Ok(Expect::InOrder(Pending {
            replies: command.replies,
            more,
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
            front.refuse();
        }
        Ok(Some(match front.note(value) {
            None => Event::Nothing,
            Some(Value::Error(message)) => Event::Reply(Err(Error::Server(message))),
            Some(value) => Event::Reply(Ok(value)),
        }))
    }

    fn expects_messages(&self) -> bool {
        let counts = &self.interest;
        counts.asked.load(Ordering::SeqCst) > 0 || counts.channels.load(Ordering::SeqCst) > 0
    }

    fn failure(&self, failure: Failure) -> Error {
        match failure {
            Failure::Unasked => Error::Protocol("a reply that nobody has asked for"),
            Failure::Overrun => Error::Protocol("more messages than are asked for"),
            failure => Error::Io(failure.into()),
        }
    }
}
