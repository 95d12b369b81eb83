//! A client of memcached, by its text protocol: replies in the order of the requests.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a library of which no program uses all"
)]

use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};

use async_op::net::AnyStream;
use async_op::net::pipeline::{Address, Event, Expect, Id, Input, Pipeline, Protocol, Session};
use async_op::{Initiation, IoExecutor, IoObject, async_op};

/// No line of a reply is longer, and no value.
const LONGEST_LINE: usize = 2048;
const LONGEST_VALUE: usize = 128 << 20;
/// How replies end, but for errors, and for numbers.
const LAST_WORDS: [&str; 5] = ["END", "STORED", "NOT_STORED", "DELETED", "NOT_FOUND"];

/// A client: a handle, which connects when there is something to ask.
#[derive(Clone)]
pub struct Client {
    pipeline: Pipeline<Memcached>,
}

impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.pipeline.executor()
    }
}

impl Client {
    pub fn new(executor: &IoExecutor, address: impl Into<Address>) -> Self {
        let address = address.into();
        Self {
            pipeline: Pipeline::new(executor, Memcached { address }),
        }
    }

    /// Returns what is kept under `key`.
    #[async_op]
    pub fn async_get(&self, key: &str) -> impl Initiation<fn(io::Result<Option<Vec<u8>>>)> {
        let reply = self.pipeline.request(Request::new("get", key, ""));
        reply.map(|reply| {
            let reply = reply?;
            reply.says("END")?;
            Ok(reply.value)
        })
    }

    /// Keeps `value` under `key`, for so many seconds; 0 is for ever.
    #[async_op]
    pub fn async_set(
        &self,
        key: &str,
        value: &[u8],
        seconds: u32,
    ) -> impl Initiation<fn(io::Result<()>)> {
        let rest = format!(" 0 {seconds} {}", value.len());
        let mut request = Request::new("set", key, &rest);
        request.value = Some(value.to_vec());
        let reply = self.pipeline.request(request);
        reply.map(|reply| reply?.says("STORED").map(drop))
    }

    /// Removes what is kept under `key`; returns whether there was anything.
    #[async_op]
    pub fn async_delete(&self, key: &str) -> impl Initiation<fn(io::Result<bool>)> {
        let reply = self.pipeline.request(Request::new("delete", key, ""));
        reply.map(|reply| reply?.says("DELETED"))
    }

    /// Adds to a number, and returns the sum; `None` if there is no such key.
    #[async_op]
    pub fn async_incr(&self, key: &str, by: u64) -> impl Initiation<fn(io::Result<Option<u64>>)> {
        let request = Request::new("incr", key, &format!(" {by}"));
        self.pipeline.request(request).map(|reply| {
            let word = reply?.word;
            let number = (word != "NOT_FOUND").then(|| word.parse());
            number.transpose().map_err(|_| invalid("no number"))
        })
    }
}

// From here on it is what memcached says.

struct Memcached {
    address: Address,
}

struct Request {
    key: String,
    line: String,
    value: Option<Vec<u8>>,
}

impl Request {
    fn new(name: &str, key: &str, rest: &str) -> Self {
        Self {
            key: key.to_owned(),
            line: format!("{name} {key}{rest}\r\n"),
            value: None,
        }
    }
}

/// How a reply ends, and the value that came before.
struct Reply {
    word: String,
    value: Option<Vec<u8>>,
}

impl Reply {
    /// Returns whether it is this; else it may be that there is nothing.
    fn says(&self, word: &str) -> io::Result<bool> {
        match &*self.word {
            it if it == word => Ok(true),
            "NOT_FOUND" => Ok(false),
            _ => Err(invalid("the server answers something else than was asked")),
        }
    }
}

/// What has come of the reply to a `get`: the value, and how long it is while it has not.
#[derive(Default)]
struct Found {
    value: Option<Vec<u8>>,
    announced: Option<usize>,
}

impl Protocol for Memcached {
    type Stream = AnyStream;
    type Request = Request;
    type Reply = Reply;
    type Part = Infallible;
    type Message = Infallible;
    type Error = io::Error;
    type Pending = ();
    type Decoder = Found;
    type Encoder = ();

    async fn connect(&self, on: &IoExecutor, _: &mut Input) -> io::Result<(AnyStream, Found)> {
        Ok((self.address.connect(on).await?, Found::default()))
    }

    fn encode(
        &self,
        (): &mut (),
        request: Request,
        _: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        let is_part = |byte: u8| byte > b' ' && byte != 0x7f;
        if !(1..=250).contains(&request.key.len()) || !request.key.bytes().all(is_part) {
            let text = "a key has 1 to 250 bytes, and no spaces";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        out.extend_from_slice(request.line.as_bytes());
        if let Some(value) = request.value {
            out.write_all(&value)?;
            out.write_all(b"\r\n")?;
        }
        Ok(Expect::InOrder(()))
    }

    fn decode(
        &self,
        found: &mut Found,
        input: &mut Input,
        _: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        if let Some(len) = found.announced {
            let Some(bytes) = input.take(len + 2) else {
                return Ok(None);
            };
            let value = bytes.strip_suffix(b"\r\n");
            found.value = Some(value.ok_or(invalid("a value without an end"))?.to_vec());
            found.announced = None;
            return Ok(Some(Event::Nothing));
        }
        let Some(line) = input.take_line(LONGEST_LINE)? else {
            return Ok(None);
        };
        let line = std::str::from_utf8(line).map_err(|_| invalid("a line that is no text"))?;
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        Ok(Some(match word {
            "VALUE" => {
                let len = words.nth(2).and_then(|len| len.parse().ok());
                let len = len.filter(|&len| len <= LONGEST_VALUE);
                found.announced = Some(len.ok_or(invalid("a value of no good length"))?);
                Event::Nothing
            }
            "ERROR" | "CLIENT_ERROR" | "SERVER_ERROR" => {
                Event::Reply(Err(io::Error::other(format!("the server says: {line}"))))
            }
            _ if LAST_WORDS.contains(&word) || word.parse::<u64>().is_ok() => {
                Event::Reply(Ok(Reply {
                    word: word.to_owned(),
                    value: found.value.take(),
                }))
            }
            _ => return Err(invalid("a reply of an unknown kind")),
        }))
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}
