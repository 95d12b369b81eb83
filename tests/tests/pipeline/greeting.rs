//! Requests that go first on a connection, before there is one for others.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_op::io::{read_to_end, read_until, write_all};
use async_op::net::AnyStream;
use async_op::net::pipeline::{Address, Event, Expect, Id, Input, Pipeline, Protocol, Session};
use async_op::test::{TestContext, dial, pair};
use async_op::{IoExecutor, spawn};

/// A protocol whose connections begin with these requests.
struct Greets {
    address: Address,
    requests: Vec<&'static str>,
    /// How many messages have come.
    noticed: AtomicUsize,
}

impl Protocol for Greets {
    type Stream = AnyStream;
    type Request = &'static str;
    type Reply = String;
    type Part = Infallible;
    type Message = String;
    type Error = io::Error;
    type Pending = &'static str;
    type Decoder = Vec<String>;
    type Encoder = Vec<String>;

    async fn connect(
        &self,
        on: &IoExecutor,
        input: &mut Input,
    ) -> io::Result<(AnyStream, Vec<String>)> {
        let stream = self.address.connect(on).await?;
        let mut replies = Vec::new();
        for request in &self.requests {
            let reply = self.greet(&stream, input, &mut replies, request).await?;
            replies.push(reply);
        }
        Ok((stream, replies))
    }

    fn encoder(&self, replies: &mut Vec<String>) -> Vec<String> {
        replies.clone()
    }

    fn encode(
        &self,
        replies: &mut Vec<String>,
        request: &'static str,
        id: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        writeln!(out, "{request} {}", replies.join("+"))?;
        match request {
            "id" => {
                assert_eq!(id.get(), 0);
                Ok(Expect::ById(request))
            }
            "nothing" => Ok(Expect::Nothing("-".to_owned())),
            "refused" => Err(ErrorKind::InvalidInput.into()),
            _ => Ok(Expect::InOrder(request)),
        }
    }

    /// `=REPLY` in order, `#REPLY` by id, `!MESSAGE`, `?` is a question, `-REFUSAL`.
    fn decode(
        &self,
        _: &mut Vec<String>,
        input: &mut Input,
        session: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        let Some(line) = input.take_line(80)? else {
            return Ok(None);
        };
        let (kind, rest) = (line[0], String::from_utf8_lossy(&line[1..]).into_owned());
        let id = Id::from_number(0);
        Ok(Some(match kind {
            b'=' => {
                let request = session.front().expect("the request that is being made");
                Event::Reply(Ok(format!("{request}:{rest}")))
            }
            b'#' => {
                assert_eq!(session.get(Id::from_number(7)), None);
                assert_eq!(session.get(id), Some(&mut "id"));
                Event::ReplyTo(id, Ok(rest))
            }
            b'!' => Event::Message(rest),
            b'?' => {
                session.write(b"answer\n");
                Event::Nothing
            }
            _ => Event::Reply(Err(io::Error::other(rest))),
        }))
    }

    fn notice(&self, message: String) -> Option<String> {
        self.noticed.fetch_add(1, Ordering::SeqCst);
        Some(message)
    }
}

/// A connection whose other end expects these lines, and says something after each.
fn stream(context: &TestContext, lines: &'static [(&'static str, &'static str)]) -> AnyStream {
    let (ours, theirs) = pair(context);
    let play = async move {
        let mut seen = Vec::new();
        for (line, says) in lines {
            let end = read_until(&theirs, &mut seen, b'\n').await.unwrap();
            let said: Vec<u8> = seen.drain(..end).collect();
            assert_eq!(String::from_utf8_lossy(&said), *line);
            write_all(&theirs, *says).await.unwrap();
        }
        let _ = read_to_end(&theirs, &mut seen).await;
    };
    spawn(context, play, |()| {});
    AnyStream::new(ours)
}

fn client<const N: usize>(
    context: &TestContext,
    requests: &[&'static str],
    streams: [AnyStream; N],
) -> Pipeline<Greets> {
    let greets = Greets {
        address: Address::dial(dial(streams)),
        requests: requests.to_vec(),
        noticed: AtomicUsize::new(0),
    };
    Pipeline::new(context, greets)
}

#[test]
fn every_kind_of_request() {
    let context = TestContext::new();
    let play = stream(
        &context,
        &[
            ("one \n", "!news\n?\n"),
            ("answer\n", "=1\n"),
            ("id \n", "#2\n"),
            ("nothing \n", ""),
            // What comes behind the last reply is not lost.
            ("two \n", "=3\n!more\n"),
            ("ask one:1+2+-+two:3\n", "=4\n"),
        ],
    );
    let client = client(&context, &["one", "id", "nothing", "two"], [play]);
    assert_eq!(client.request("ask").blocking().unwrap(), "ask:4");
    assert_eq!(client.next_message().blocking().unwrap(), "more");
    assert_eq!(client.protocol().noticed.load(Ordering::SeqCst), 2);
}

#[test]
fn one_that_is_refused() {
    let context = TestContext::new();
    let streams = [
        stream(&context, &[("one \n", "-no\n")]),
        stream(&context, &[("one \n", "=1\n"), ("ask one:1\n", "=2\n")]),
    ];
    let client = client(&context, &["one"], streams);
    assert_eq!(
        client.request("ask").blocking().unwrap_err().to_string(),
        "no"
    );
    assert_eq!(client.request("ask").blocking().unwrap(), "ask:2");
    let error = client.request("refused").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let nobody = self::client(&context, &["refused"], [stream(&context, &[])]);
    let error = nobody.request("ask").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn addresses() {
    let context = TestContext::new();
    let made = Address::dial(dial([stream(&context, &[])]));
    let tcp = Address::from("127.0.0.1:80".parse::<std::net::SocketAddr>().unwrap());
    let unix = Address::from(std::path::PathBuf::from("/run/server"));
    for (address, text) in [
        (&made, "a connection that is given"),
        (&tcp, "127.0.0.1:80"),
        (&unix, "/run/server"),
    ] {
        assert_eq!(address, &address.clone());
        assert_eq!(address.to_string(), text);
        let same = [&made, &tcp, &unix]
            .iter()
            .filter(|it| **it == address)
            .count();
        assert_eq!(same, 1);
    }
    let mut several = vec!["[::1]:80".parse().unwrap(), "127.0.0.1:80".parse().unwrap()];
    let all = Address::Tcp(several.clone());
    assert_eq!(all.to_string(), "[::1]:80 or 127.0.0.1:80");
    several.reverse();
    assert_ne!(all, Address::Tcp(several));
}
