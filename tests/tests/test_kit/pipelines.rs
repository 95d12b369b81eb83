//! A client that many share, on scripted streams: what is silent for too long, and callers who
//! give up at every step.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use async_op::io::{DynamicBuffer, read_until, write_all};
use async_op::net::pipeline::{Event, Expect, Id, Input, Limits, Pipeline, Protocol, Session};
use async_op::test::pair;
use async_op::test::{Probe, Script, TestContext, TestStream, Wire, each_cancellation, explore};
use async_op::{IoExecutor, bind_cancellation_slot, spawn};

/// How long nothing may come while a reply is due.
const SILENCE: Duration = Duration::from_secs(100);

/// A protocol of lines, each of which has a line for its reply.
struct Lines {
    /// What connections are made of.
    streams: Mutex<VecDeque<TestStream>>,
}

impl Protocol for Lines {
    type Stream = TestStream;
    type Request = String;
    type Reply = String;
    type Part = ();
    type Message = ();
    type Error = io::Error;
    type Pending = ();
    type Decoder = ();
    type Encoder = ();

    async fn connect(&self, _: &IoExecutor, _: &mut Input) -> io::Result<(TestStream, ())> {
        let next = self.streams.lock().unwrap().pop_front();
        Ok((next.ok_or(ErrorKind::ConnectionRefused)?, ()))
    }

    fn encode(
        &self,
        (): &mut (),
        request: String,
        _: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        out.extend_from_slice(request.as_bytes());
        out.push(b'\n');
        Ok(Expect::InOrder(()))
    }

    fn decode(
        &self,
        (): &mut (),
        input: &mut Input,
        _: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        let line = input.take_line(100)?;
        Ok(line.map(|line| Event::Reply(Ok(String::from_utf8_lossy(line).into_owned()))))
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.silence = Some(SILENCE);
        limits
    }
}

fn client(context: &TestContext, streams: impl IntoIterator<Item = TestStream>) -> Pipeline<Lines> {
    let streams = Mutex::new(streams.into_iter().collect());
    Pipeline::new(context, Lines { streams })
}

fn ask(client: &Pipeline<Lines>, text: &str) -> io::Result<String> {
    client.request(text.to_owned()).blocking()
}

/// A server that says what it is asked for.
async fn echo(stream: TestStream) {
    let mut line = Vec::new();
    while let Ok(end) = read_until(&stream, (&mut line).at_most(80), b'\n').await {
        let reply: Vec<u8> = line.drain(..end).collect();
        if write_all(&stream, reply).await.0.is_err() {
            return;
        }
    }
}

#[test]
fn half_a_reply_and_then_nothing() {
    let context = TestContext::new();
    let silent = Script::new().write("one\n").wait(SILENCE / 2).read("hal");
    let next = Script::new().write("two\n").read("fine\n");
    let client = client(&context, [silent, next].map(|script| script.on(&context)));
    let error = ask(&client, "one").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(context.elapsed(), SILENCE * 3 / 2);
    assert_eq!(ask(&client, "two").unwrap(), "fine");
}

#[test]
fn slow_is_not_silent() {
    let context = TestContext::new();
    let script = (0..20).fold(Script::new().write("one\n"), |script, _| {
        script.wait(SILENCE * 9 / 10).read("x")
    });
    let client = client(&context, [script.read("\n").on(&context)]);
    assert_eq!(ask(&client, "one").unwrap(), "x".repeat(20));
    assert_eq!(context.elapsed(), SILENCE * 18);
}

#[test]
fn where_nothing_is_due_silence_is_no_end() {
    let context = TestContext::new();
    let script = Script::new()
        .write("one\n")
        .read("fine\n")
        .write("two\n")
        .read("well\n");
    let client = client(&context, [script.on(&context)]);
    assert_eq!(ask(&client, "one").unwrap(), "fine");
    let message = client.next_message().cancel_after(3 * SILENCE).blocking();
    assert!(async_op::is_timeout(&message.unwrap_err()));
    assert_eq!(context.elapsed(), 3 * SILENCE);
    assert!(client.is_connected());
    assert_eq!(ask(&client, "two").unwrap(), "well");
}

/// Whoever gives up, and whenever: each of the others gets his own reply.
#[test]
fn no_reply_goes_astray_when_one_of_three_gives_up() {
    for gives_up in 0..3 {
        for is_dropped in [false, true] {
            let times = each_cancellation(|context, cut| {
                let (ours, theirs) = pair(context);
                spawn(context, echo(theirs), |_: ()| {});
                let client = client(context, [ours]);
                let probes = ["one", "two", "three"].map(|text| (text, Probe::new()));
                for (n, (text, probe)) in probes.iter().enumerate() {
                    let request = client.request((*text).to_owned());
                    match n == gives_up {
                        false => request.with(probe.handler()),
                        true if is_dropped => {
                            let cut = cut.clone();
                            let waits = async move {
                                let gone = || Err(ErrorKind::Interrupted.into());
                                cut.or_dropped(request).await.unwrap_or_else(gone)
                            };
                            spawn(context, waits, probe.handler());
                        }
                        true => {
                            let handler = bind_cancellation_slot(cut.slot(), probe.handler());
                            request.with(handler);
                        }
                    }
                }
                context.run_until_stalled();
                client.close();
                context.run();
                for (n, (text, probe)) in probes.into_iter().enumerate() {
                    let (reply,): (io::Result<String>,) = probe.take();
                    match reply {
                        Ok(reply) => assert_eq!(reply, text, "the reply of another"),
                        Err(_) => assert!(n == gives_up && cut.is_over()),
                    }
                }
            });
            assert!((5..100).contains(&times), "{times}");
        }
    }
}

/// In many orders, on a slow wire that may break: the right replies, or errors.
#[test]
fn no_reply_goes_astray_in_any_order() {
    explore(0..200, |context| {
        let delay = Duration::ZERO..=SILENCE / 2;
        let mut wire = Wire::new().delay(delay).split(4);
        let breaks = context.random(2) == 1;
        if breaks {
            wire = wire.drop_after(1 + context.random(60));
        }
        let (ours, theirs) = wire.connect(context);
        spawn(context, echo(theirs), |_: ()| {});
        let client = client(context, [ours]);
        let probes: Vec<_> = (0..8)
            .map(|n| (format!("number {n}"), Probe::new()))
            .collect();
        for (text, probe) in &probes {
            client.request(text.clone()).with(probe.handler());
        }
        drop(client);
        context.run();
        for (text, probe) in probes {
            let (reply,): (io::Result<String>,) = probe.take();
            match reply {
                Ok(reply) => assert_eq!(reply, text, "the reply of another"),
                Err(error) => assert!(breaks, "{error}"),
            }
        }
    });
}
