//! A client of NATS: messages by the number of their subscription, replies by that of the
//! request.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a library of which no program uses all"
)]

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::io::{self, ErrorKind, Write};

use async_op::net::AnyStream;
use async_op::net::pipeline::{
    Address, Event, Exchange, Expect, Id, Input, Pipeline, Protocol, Session,
};
use async_op::{Initiation, IoExecutor, IoObject, async_op};

/// No line of the server is longer, and no message.
const LONGEST_LINE: usize = 64 << 10;
const LONGEST_MESSAGE: usize = 64 << 20;
const OPTIONS: &str = r#"{"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"rust","version":"0"}"#;
/// The subscription that all replies to requests come by.
const REPLIES: u64 = 0;

/// A client: a handle, which connects when there is something to say.
#[derive(Clone)]
pub struct Client {
    pipeline: Pipeline<Nats>,
}

impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.pipeline.executor()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub subject: String,
    /// Where an answer is expected, if it is.
    pub reply: Option<String>,
    pub payload: Vec<u8>,
}

/// What comes of a subject, until this is dropped.
pub struct Subscription {
    exchange: Exchange<Nats>,
    client: Client,
}

impl Client {
    pub fn new(executor: &IoExecutor, address: impl Into<Address>) -> Self {
        let nats = Nats {
            address: address.into(),
            inbox: format!("_INBOX.{:x}", RandomState::new().hash_one(0)),
        };
        Self {
            pipeline: Pipeline::new(executor, nats),
        }
    }

    /// Sends a message to all who have subscribed to `subject`; completes when it is on its
    /// way.
    #[async_op]
    pub fn async_publish(
        &self,
        subject: &str,
        payload: &[u8],
    ) -> impl Initiation<fn(io::Result<()>)> {
        let request = Request::Publish(subject.to_owned(), payload.to_vec());
        self.pipeline.request(request).map(|reply| reply.map(drop))
    }

    /// Sends a message, and completes with the first answer. Whether there will be one nobody
    /// knows: give it a limit.
    #[async_op]
    pub fn async_request(
        &self,
        subject: &str,
        payload: &[u8],
    ) -> impl Initiation<fn(io::Result<Message>)> {
        let request = Request::Ask(subject.to_owned(), payload.to_vec());
        let reply = self.pipeline.request(request);
        reply.map(|reply| reply?.ok_or(invalid("an answer without a message")))
    }

    /// Completes when the server has seen all that was said before.
    #[async_op]
    pub fn async_flush(&self) -> impl Initiation<fn(io::Result<()>)> {
        let reply = self.pipeline.request(Request::Ping);
        reply.map(|reply| reply.map(drop))
    }

    /// Subscribes to a subject, which may have wildcards.
    pub fn subscribe(&self, subject: &str) -> io::Result<Subscription> {
        let exchange = self.pipeline.open(Request::Subscribe(subject.to_owned()))?;
        Ok(Subscription {
            exchange,
            client: self.clone(),
        })
    }

    pub fn close(&self) {
        self.pipeline.close();
    }
}

impl Subscription {
    /// Completes with the next message. None is lost where the future is dropped.
    #[async_op]
    pub fn async_next(&self) -> impl Initiation<fn(io::Result<Message>)> {
        let part = self.exchange.next_part();
        part.map(|part| part?.ok_or(ErrorKind::UnexpectedEof.into()))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let end = Request::Unsubscribe(self.exchange.id());
        self.client.pipeline.request(end).detach();
    }
}

// From here on it is what NATS says.

struct Nats {
    address: Address,
    /// Replies come to subjects that begin with it.
    inbox: String,
}

enum Request {
    /// What is said first.
    Hello,
    Publish(String, Vec<u8>),
    Ask(String, Vec<u8>),
    Subscribe(String),
    Unsubscribe(Id),
    Ping,
}

/// A message whose payload has not come.
struct Announced {
    subject: String,
    subscription: u64,
    reply: Option<String>,
    header: usize,
    len: usize,
}

impl Protocol for Nats {
    type Stream = AnyStream;
    type Request = Request;
    type Reply = Option<Message>;
    type Part = Message;
    type Message = Infallible;
    type Error = io::Error;
    type Pending = ();
    type Decoder = Option<Announced>;
    type Encoder = ();

    async fn connect(
        &self,
        on: &IoExecutor,
        input: &mut Input,
    ) -> io::Result<(AnyStream, Option<Announced>)> {
        let stream = self.address.connect(on).await?;
        let mut announced = None;
        self.greet(&stream, input, &mut announced, Request::Hello)
            .await?;
        Ok((stream, announced))
    }

    fn encode(
        &self,
        (): &mut (),
        request: Request,
        id: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        Ok(match &request {
            Request::Hello => {
                let inbox = &self.inbox;
                write!(
                    out,
                    "CONNECT {OPTIONS}\r\nSUB {inbox}.* {REPLIES}\r\nPING\r\n"
                )?;
                Expect::InOrder(())
            }
            Request::Publish(subject, payload) => {
                write!(out, "PUB {} ", valid(subject)?)?;
                write_payload(payload, out)?;
                Expect::Nothing(None)
            }
            Request::Ask(subject, payload) => {
                write!(out, "PUB {} {}.{id} ", valid(subject)?, self.inbox)?;
                write_payload(payload, out)?;
                Expect::ById(())
            }
            Request::Subscribe(subject) => {
                write!(out, "SUB {} {id}\r\n", valid(subject)?)?;
                Expect::ById(())
            }
            Request::Unsubscribe(id) => {
                write!(out, "UNSUB {id}\r\n")?;
                Expect::Nothing(None)
            }
            Request::Ping => {
                write!(out, "PING\r\n")?;
                Expect::InOrder(())
            }
        })
    }

    fn decode(
        &self,
        announced: &mut Option<Announced>,
        input: &mut Input,
        session: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        if let Some(message) = announced {
            let Some(bytes) = input.take(message.len + 2) else {
                return Ok(None);
            };
            let bytes = bytes.strip_suffix(b"\r\n");
            let bytes = bytes.ok_or(invalid("a message without an end"))?;
            let (header, payload) = bytes.split_at(message.header);
            let event = message.event(header, payload);
            *announced = None;
            return event.map(Some);
        }
        let Some(line) = input.take_line(LONGEST_LINE)? else {
            return Ok(None);
        };
        match line.split(|&byte| byte == b' ').next() {
            Some(b"MSG") => *announced = Some(Announced::read(line, false)?),
            Some(b"HMSG") => *announced = Some(Announced::read(line, true)?),
            Some(b"PING") => session.write(b"PONG\r\n"),
            Some(b"PONG") => return Ok(Some(Event::Reply(Ok(None)))),
            Some(b"INFO" | b"+OK") => {}
            _ => return Err(refused(line)),
        }
        Ok(Some(Event::Nothing))
    }

    fn may_stay_silent(&self) -> bool {
        true
    }
}

impl Announced {
    /// Reads `MSG subject sid [reply] [length of the header] length`.
    fn read(line: &[u8], has_header: bool) -> io::Result<Self> {
        let line = std::str::from_utf8(line).map_err(|_| invalid("a line that is no text"))?;
        let mut words: Vec<_> = line.split(' ').skip(1).collect();
        let mut number = || words.pop().and_then(|it| it.parse::<usize>().ok());
        let len = number().filter(|&len| len <= LONGEST_MESSAGE);
        let header = if has_header { number() } else { Some(0) };
        let header = header.filter(|&header| len.is_some_and(|len| header <= len));
        match (&words[..], header, len) {
            ([subject, subscription, reply @ ..], Some(header), Some(len)) => Ok(Self {
                subject: (*subject).to_owned(),
                subscription: subscription.parse().map_err(|_| invalid("no number"))?,
                reply: reply.first().map(|&reply| reply.to_owned()),
                header,
                len,
            }),
            _ => Err(invalid("a message of no good form")),
        }
    }

    fn event(&mut self, header: &[u8], payload: &[u8]) -> io::Result<Event<Nats>> {
        let message = Message {
            subject: std::mem::take(&mut self.subject),
            reply: self.reply.take(),
            payload: payload.to_vec(),
        };
        if self.subscription != REPLIES {
            return Ok(Event::PartTo(Id::from_number(self.subscription), message));
        }
        let id = message.subject.rsplit('.').next();
        let id = id
            .and_then(|id| id.parse().ok())
            .ok_or(invalid("no number"))?;
        let result = match header.starts_with(b"NATS/1.0 503") {
            true => Err(io::Error::new(
                ErrorKind::NotFound,
                "nobody is there to answer",
            )),
            false => Ok(Some(message)),
        };
        Ok(Event::ReplyTo(Id::from_number(id), result))
    }
}

fn write_payload(payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "{}\r\n", payload.len())?;
    out.write_all(payload)?;
    out.write_all(b"\r\n")
}

fn valid(subject: &str) -> io::Result<&str> {
    let is_part = |byte: u8| byte > b' ' && byte != 0x7f;
    if subject.is_empty() || !subject.bytes().all(is_part) {
        let text = "a subject has no spaces";
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    Ok(subject)
}

fn refused(line: &[u8]) -> io::Error {
    invalid(&format!(
        "the server says: {}",
        String::from_utf8_lossy(line)
    ))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}
