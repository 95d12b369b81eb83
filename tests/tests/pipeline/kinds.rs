//! What may come of a request.

#[cfg(unix)]
use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::TcpListener;
use std::pin::pin;
#[cfg(unix)]
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::write_all;
#[cfg(unix)]
use async_op::net::UnixStream;
use async_op::net::pipeline::Pipeline;
use async_op::test::{TestContext, pair};
use async_op::token::{Promise, UsePromise};
use async_op::{IoContext, SystemExecutor, bind_cancellation_slot, is_cancelled};
use async_op_tests::{panic_of, without_hanging};
use futures_lite::future::poll_once;

use crate::lines::{Ask, Lines, Request, Server, Token};
use crate::{Answer, Client};

const LIMIT: Duration = Duration::from_secs(30);

/// A test with a server and a context.
fn with_server(body: impl FnOnce(&Server, &IoContext) + Send + 'static) {
    without_hanging(move || {
        let server = Server::start();
        body(&server, &IoContext::new().unwrap());
    });
}

#[test]
fn every_token() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        assert!(!client.pipeline.is_connected());
        assert_eq!(client.echo("blocking"), "blocking");
        assert!(client.pipeline.is_connected());
        let (sender, receiver) = channel();
        let ask = client.ask(Ask::Echo("callback".into()));
        ask.callback(move |reply| sender.send(reply.unwrap().0).unwrap());
        context.restart();
        context.run();
        assert_eq!(receiver.try_recv().unwrap(), "callback");
        let promise = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        assert_eq!(promise.wait().blocking().unwrap().0, "0");
        let elsewhere = Client::of(&SystemExecutor, server);
        let reply = elsewhere.ask(Ask::Echo("awaited".into()));
        assert_eq!(pollster::block_on(reply).unwrap().0, "awaited");
        assert_eq!(server.accepted(), 2);
    });
}

#[test]
fn replies_by_id_come_in_any_order() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let (sender, receiver) = channel();
        let texts = ["a", "b", "c", "d"];
        for text in texts {
            let sender = sender.clone();
            let ask = client.ask(Ask::Late(text.into()));
            ask.callback(move |reply| sender.send((text, reply.unwrap().0)).unwrap());
        }
        let ask = client.ask(Ask::Echo("in order".into()));
        ask.callback(move |reply| sender.send(("in order", reply.unwrap().0)).unwrap());
        context.run();
        let replies: Vec<_> = receiver.try_iter().collect();
        assert_eq!(replies.len(), 5);
        assert!(
            replies.iter().all(|(asked, reply)| asked == reply),
            "{replies:?}"
        );
        let late: Vec<_> = replies.iter().filter(|it| it.0.len() == 1).collect();
        let reversed = texts.iter().rev().map(|text| (*text, (*text).to_owned()));
        assert!(late.into_iter().cloned().eq(reversed));
    });
}

#[test]
fn a_reply_in_parts() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        for n in [0, 1, 5, 3000] {
            let rows = client.pipeline.open(client.make(Ask::Rows(n))).unwrap();
            let mut count = 0;
            while let Some(part) = rows.next_part().blocking().unwrap() {
                assert_eq!(part, count.to_string());
                count += 1;
            }
            assert_eq!(count, n);
            assert_eq!(rows.next_part().blocking().unwrap(), None);
            assert_eq!(rows.reply().blocking().unwrap().0, n.to_string());
            let error = rows.reply().blocking().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        // The end alone, or nothing at all, and by a request that wants no parts.
        let rows = client.pipeline.open(client.make(Ask::Rows(3000))).unwrap();
        assert_eq!(rows.reply().blocking().unwrap().0, "3000");
        let rows = client.pipeline.open(client.make(Ask::Rows(3000))).unwrap();
        assert_eq!(rows.next_part().blocking().unwrap().unwrap(), "0");
        drop(rows);
        assert_eq!(client.ask(Ask::Rows(7)).blocking().unwrap().0, "7");
        assert_eq!(client.echo("after"), "after");
        assert_eq!(server.accepted(), 1);
        client.pipeline.close();
        context.restart();
        context.run();
        assert_eq!(client.token.count(), 1);
    });
}

/// Those behind a reply that nobody takes wait; they go on when it is taken, or given up.
#[test]
fn parts_that_nobody_takes() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.limits.parts = 10;
        let client = Client::with(&context.executor(), lines);
        for is_dropped in [false, true] {
            let rows = client.pipeline.open(client.make(Ask::Rows(100))).unwrap();
            let (sender, behind) = channel();
            let ask = client.ask(Ask::Fired);
            ask.callback(move |reply| sender.send(reply.unwrap().0).unwrap());
            context.restart();
            context.run_for(Duration::from_millis(50));
            assert!(behind.try_recv().is_err());
            if is_dropped {
                drop(rows);
            } else {
                for n in 0..100 {
                    let part = rows.next_part().blocking().unwrap();
                    assert_eq!(part.unwrap(), n.to_string());
                }
                assert_eq!(rows.next_part().blocking().unwrap(), None);
            }
            context.restart();
            context.run();
            assert_eq!(behind.try_recv().unwrap(), "0");
        }
        // By id it ends, and nobody else waits.
        let flood = client.pipeline.open(client.make(Ask::Flood(100))).unwrap();
        assert_eq!(client.echo("at once"), "at once");
        for n in 0..10 {
            let part = flood.next_part().blocking().unwrap();
            assert_eq!(part.unwrap(), n.to_string());
        }
        let error = flood.next_part().blocking().unwrap_err();
        assert!(error.to_string().contains("parts"), "{error}");
        let flood = client.pipeline.open(client.make(Ask::Flood(5))).unwrap();
        let mut count = 0;
        while flood.next_part().blocking().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 5);
    });
}

#[test]
fn one_at_a_time_waits_for_a_part() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let rows = client.pipeline.open(client.make(Ask::Rows(1))).unwrap();
        let first = rows.async_next_part(UsePromise);
        let error = rows.next_part().blocking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(first.wait().blocking().unwrap().unwrap(), "0");
    });
}

#[test]
fn an_upload() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let error = client.ask(Ask::Put).blocking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let chunk = |len: usize| client.make(Ask::Chunk("x".repeat(len)));
        let last = || client.make(Ask::LastChunk("yz".into()));
        // Two uploads at once, and requests that wait behind each.
        let first = client.pipeline.open(client.make(Ask::Put)).unwrap();
        let echo = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        let second = client.pipeline.open(client.make(Ask::Put)).unwrap();
        let behind = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        let sent = second.async_send(chunk(100), UsePromise);
        first.send(chunk(1000)).blocking().unwrap();
        first.send(chunk(50_000)).blocking().unwrap();
        second.finish(last()).unwrap();
        first.finish(last()).unwrap();
        assert!(first.finish(last()).is_err());
        assert!(first.send(chunk(1)).blocking().is_err());
        sent.wait().blocking().unwrap();
        assert_eq!(first.reply().blocking().unwrap().0, "51002");
        assert_eq!(second.reply().blocking().unwrap().0, "102");
        assert_eq!(echo.wait().blocking().unwrap().0, "0");
        assert_eq!(behind.wait().blocking().unwrap().0, "0");
        assert_eq!(server.accepted(), 1);
        // Given up in the middle: nobody knows what the server makes of it.
        let third = client.pipeline.open(client.make(Ask::Put)).unwrap();
        let behind = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        third.send(chunk(1)).blocking().unwrap();
        drop(third);
        let error = behind.wait().blocking().unwrap_err();
        assert!(error.to_string().contains("given up"), "{error}");
        assert_eq!(client.echo("anew"), "anew");
        assert_eq!(server.accepted(), 2);
    });
}

#[test]
fn requests_without_a_reply() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        for n in 0..100 {
            client.ask(Ask::Fire(n.to_string())).detach();
        }
        // It is on its way before `run` returns, and nothing else keeps that.
        context.run();
        let fired = client.ask(Ask::Fire("last".into())).blocking().unwrap();
        assert_eq!(fired.0, "last");
        assert_eq!(client.ask(Ask::Fired).blocking().unwrap().0, "101");
    });
}

#[test]
fn messages() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        assert_eq!(client.ask(Ask::Shout(3)).blocking().unwrap().0, "3");
        for n in 0..3 {
            let message = client.pipeline.next_message().blocking().unwrap();
            assert_eq!(message, n.to_string());
        }
        let waiting = client.pipeline.async_next_message(UsePromise);
        assert_eq!(client.ask(Ask::Shout(1)).blocking().unwrap().0, "1");
        assert_eq!(waiting.wait().blocking().unwrap(), "0");
        let limit = Duration::from_millis(5);
        let nothing = client
            .pipeline
            .next_message()
            .cancel_after(limit)
            .blocking();
        assert!(async_op::is_timeout(&nothing.unwrap_err()));
    });
}

#[test]
fn an_error_after_which_all_goes_on() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let failed = client
            .pipeline
            .async_request(client.make(Ask::Fail("no".into())), UsePromise);
        let next = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        assert_eq!(failed.wait().blocking().unwrap_err().to_string(), "no");
        assert_eq!(next.wait().blocking().unwrap().0, "0");
        let rows = client
            .pipeline
            .open(client.make(Ask::Fail("no".into())))
            .unwrap();
        assert_eq!(rows.next_part().blocking().unwrap_err().to_string(), "no");
        assert!(client.ask(Ask::Refused).blocking().is_err());
        assert!(client.pipeline.open(client.make(Ask::Refused)).is_err());
        assert_eq!(client.ask(Ask::Question).blocking().unwrap().0, "answer");
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn it_may_not_be_made_again() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.reconnects = false;
        let client = Client::with(&context.executor(), lines);
        assert_eq!(client.echo("once"), "once");
        server.cut();
        let first = client.ask(Ask::Fired).blocking().unwrap_err();
        for _ in 0..3 {
            let error = client.ask(Ask::Fired).blocking().unwrap_err();
            assert_eq!(error.kind(), first.kind());
            assert!(client.pipeline.open(client.make(Ask::Fired)).is_err());
            assert!(client.pipeline.next_message().blocking().is_err());
        }
        assert_eq!(server.accepted(), 1);
    });
}

/// Requests beyond the limits are made when there is room, in their order.
#[test]
fn limits() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.limits.unanswered = 4;
        lines.limits.unsent = 100;
        let client = Client::with(&context.executor(), lines);
        let (sender, receiver) = channel();
        let mut signals = Vec::new();
        for n in 0..1000 {
            let sender = sender.clone();
            let signal = CancellationSignal::new();
            let ask = client.ask(Ask::Echo(format!("{n} {}", "x".repeat(20))));
            ask.with(bind_cancellation_slot(
                signal.slot(),
                move |reply: std::io::Result<_>| {
                    sender.send((n, reply)).unwrap();
                },
            ));
            signals.push(signal);
        }
        // At the door, some of those in the middle.
        for n in (100..1000).step_by(100) {
            signals[n].emit(CancellationType::TERMINAL);
        }
        context.run();
        drop(sender);
        let (mut answered, mut cancelled) = (Vec::new(), Vec::new());
        for (n, reply) in receiver {
            match reply {
                Ok(reply) => {
                    assert!(reply.0.starts_with(&format!("{n} ")));
                    answered.push(n);
                }
                Err(error) => {
                    assert!(is_cancelled(&error));
                    cancelled.push(n);
                }
            }
        }
        assert_eq!(answered.len(), 991);
        assert!(answered.is_sorted());
        assert_eq!(cancelled, (100..1000).step_by(100).collect::<Vec<_>>());
        assert_eq!(client.token.count(), 1);
    });
}

#[test]
fn a_handler_that_panics() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let (sender, receiver) = channel();
        for n in 0..9 {
            let sender = sender.clone();
            let late = client.ask(Ask::Late(n.to_string()));
            let echo = client.ask(Ask::Echo(n.to_string()));
            let (first, second) = (sender.clone(), sender);
            late.callback(move |reply| {
                first.send(reply.unwrap().0).unwrap();
                assert!(n % 3 != 1, "on purpose");
            });
            echo.callback(move |reply| {
                second.send(reply.unwrap().0).unwrap();
                assert!(n % 3 != 2, "on purpose");
            });
        }
        drop(sender);
        for _ in 0..6 {
            assert!(panic_of(|| context.run()).contains("on purpose"));
        }
        context.run();
        assert_eq!(receiver.iter().count(), 18);
        assert_eq!(server.accepted(), 1);
        assert_eq!(client.echo("after"), "after");
    });
}

/// The protocol's own code panics: before it is sent, where it is asked; afterwards the
/// connection is at its end, and all are told.
#[test]
fn a_protocol_that_panics() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        assert_eq!(client.echo("before"), "before");
        let refused = panic_of(|| client.ask(Ask::EncodePanics).callback(drop));
        assert!(refused.contains("on purpose"));
        let before = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        let broken = client
            .pipeline
            .async_request(client.make(Ask::DecodePanics), UsePromise);
        let behind = client
            .pipeline
            .async_request(client.make(Ask::Fired), UsePromise);
        context.restart();
        assert!(panic_of(|| context.run()).contains("on purpose"));
        assert_eq!(before.wait().blocking().unwrap().0, "0");
        for lost in [broken, behind] {
            let error = lost.wait().blocking().unwrap_err();
            assert!(error.to_string().contains("panicked"), "{error}");
        }
        assert_eq!(client.echo("anew"), "anew");
        assert_eq!(server.accepted(), 2);
        client.pipeline.close();
        assert_eq!(client.token.count(), 1);
    });
}

/// The context goes while all kinds of things are waited for.
#[test]
fn the_context_goes() {
    with_server(|server, _| {
        let context = IoContext::new().unwrap();
        let mut lines = Lines::new(server.address);
        lines.limits.parts = 1;
        let client = Client::with(&context.executor(), lines);
        let rows = client.pipeline.open(client.make(Ask::Rows(100))).unwrap();
        let pipeline = client.pipeline.clone();
        let ask = client.ask(Ask::Fired);
        let late = client.ask(Ask::Late("x".into()));
        let waiting = [
            thread::spawn(move || pollster::block_on(ask).is_err()),
            thread::spawn(move || pollster::block_on(late).is_err()),
            thread::spawn(move || pollster::block_on(pipeline.next_message()).is_err()),
        ];
        context.run_for(Duration::from_millis(100));
        drop(context);
        for waiting in waiting {
            assert!(waiting.join().unwrap());
        }
        assert!(pollster::block_on(rows.reply()).is_err());
        assert!(pollster::block_on(client.ask(Ask::Fired)).is_err());
    });
}

/// `run` returns when nobody waits, though much is open.
#[test]
fn a_context_that_nobody_waits_for_is_done() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.limits.silence = Some(LIMIT);
        let client = Client::with(&context.executor(), lines);
        let rows = client.pipeline.open(client.make(Ask::Rows(5))).unwrap();
        client
            .ask(Ask::Fired)
            .callback(|reply| drop(reply.unwrap()));
        rows.async_next_part(|part: std::io::Result<_>| drop(part.unwrap()));
        let start = std::time::Instant::now();
        context.run();
        assert!(start.elapsed() < LIMIT);
        assert!(client.pipeline.is_connected());
    });
}

/// Nothing that has come is lost where futures are dropped: messages, and parts.
#[test]
fn messages_and_parts_go_back() {
    with_server(|server, _| {
        let client = Client::of(&SystemExecutor, server);
        let pipeline: Pipeline<Lines> = client.pipeline.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let mut random = async_op_tests::Random::new(3);
        runtime.block_on(async {
            for _ in 0..20 {
                round(&client, &pipeline, &mut random).await;
            }
        });
    });
}

async fn round(client: &Client, pipeline: &Pipeline<Lines>, random: &mut async_op_tests::Random) {
    const N: u32 = 1_000;
    // There is none for it, however slow the machine is: it may be given the first one.
    let mut early = Box::pin(pipeline.next_message());
    assert!(poll_once(early.as_mut()).await.is_none());
    let rows = pipeline.open(client.make(Ask::Rows(N))).unwrap();
    let shout = pipeline.async_request(client.make(Ask::Shout(N)), UsePromise);
    for _ in 0..random.below(100) {
        tokio::task::yield_now().await;
    }
    drop(early);
    let (mut parts, mut messages) = (0, 0);
    while parts < N || messages < N {
        // Both are pending in turn; who is not ready is dropped.
        let mut part = pin!(rows.next_part());
        let mut message = pin!(pipeline.next_message());
        for _ in 0..=random.below(3) {
            if parts < N
                && let Some(part) = poll_once(part.as_mut()).await
            {
                assert_eq!(part.unwrap().unwrap(), parts.to_string());
                parts += 1;
                break;
            }
            if let Some(message) = poll_once(message.as_mut()).await {
                assert_eq!(message.unwrap(), messages.to_string());
                messages += 1;
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(shout.wait().await.unwrap().0, N.to_string());
    assert_eq!(rows.reply().await.unwrap().0, N.to_string());
}

/// Asked to stop while it is encoded, a request is sent, and its reply is nobody's.
#[test]
fn given_up_while_it_is_encoded() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let signal = Arc::new(CancellationSignal::new());
        let token = bind_cancellation_slot(signal.slot(), UsePromise);
        let ask = client.make(Ask::Stops(signal));
        let given_up = client.pipeline.async_request(ask, token);
        assert_eq!(client.echo("behind"), "behind");
        assert!(is_cancelled(&given_up.wait().blocking().unwrap_err()));
        assert_eq!(client.token.count(), 1);
    });
}

/// No handler runs in a call that cancels or closes.
#[test]
fn cancelled_by_a_handler() {
    with_server(|server, context| {
        let client = Client::of(&context.executor(), server);
        let (sender, receiver) = channel();
        let signal = CancellationSignal::new();
        let slot = signal.slot();
        let listener = sender.clone();
        client.pipeline.async_next_message(bind_cancellation_slot(
            slot,
            move |message: std::io::Result<String>| {
                listener.send(is_cancelled(&message.unwrap_err())).unwrap();
            },
        ));
        let pipeline = client.pipeline.clone();
        let other = client.ask(Ask::Rows(1));
        other.callback(move |reply| sender.send(reply.is_ok()).unwrap());
        let (order, said) = channel();
        client.ask(Ask::Fired).callback(move |_| {
            signal.emit(CancellationType::TERMINAL);
            pipeline.close();
            order.send(()).unwrap();
        });
        context.run();
        assert_eq!(said.iter().count(), 1);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [true, true]);
    });
}

/// What watches for silence keeps nothing: a pipeline is gone with its last handle, whether
/// its context runs again or not.
#[test]
fn a_watch_keeps_no_pipeline() {
    with_server(|server, context| {
        let gone = Arc::new(());
        let mut lines = Lines::new(server.address);
        lines.limits.silence = Some(LIMIT);
        lines.kept = Some(gone.clone());
        let client = Client::with(&context.executor(), lines);
        assert_eq!(client.echo("asked"), "asked");
        drop(client);
        assert_eq!(Arc::strong_count(&gone), 1);
    });
}

/// A connection ends with the last handle or the last one who waits, though its context may not
/// run any more; and not before all has been said.
#[test]
fn a_connection_that_is_left() {
    type Leave = fn(&IoContext, Pipeline<Lines>, Promise<Answer>);
    let leaves: [(Leave, &str); 3] = [
        (
            |_, pipeline, waits| {
                drop(waits);
                drop(pipeline);
            },
            "echo first\n",
        ),
        (
            |_, pipeline, waits| {
                drop(pipeline);
                drop(waits);
            },
            "echo first\n",
        ),
        (
            |context, pipeline, waits| {
                let echo = Request(Ask::Echo("last".into()), Token::default());
                let last = pipeline.async_request(echo, UsePromise);
                drop((pipeline, waits, last));
                context.restart();
                context.run();
            },
            "echo first\necho last\n",
        ),
    ];
    for (leave, expected) in leaves {
        without_hanging(move || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (sender, receiver) = channel();
            let silent = thread::spawn(move || {
                let mut said = String::new();
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                stream.read_line(&mut said).unwrap();
                sender.send(()).unwrap();
                stream.read_to_string(&mut said).unwrap();
                said
            });
            let context = IoContext::new().unwrap();
            let mut lines = Lines::new(address);
            lines.greeting = false;
            let pipeline = Pipeline::new(&context, lines);
            let echo = Request(Ask::Echo("first".into()), Token::default());
            let waits = pipeline.async_request(echo, UsePromise);
            while receiver.try_recv().is_err() {
                context.poll();
            }
            leave(&context, pipeline, waits);
            // It has read the end, and the context is still there.
            assert_eq!(silent.join().unwrap(), expected);
            drop(context);
        });
    }
}

/// As many parts by id as are kept are no more than that; and one in order has none by id.
#[test]
fn parts_by_id() {
    let context = TestContext::new();
    let (ours, theirs) = pair(&context);
    let mut lines = Lines::over([ours]);
    lines.greeting = false;
    lines.limits.parts = 3;
    let client = Client::with(&context, lines);
    let by_id = client.pipeline.open(client.make(Ask::Flood(3))).unwrap();
    let first = client
        .pipeline
        .async_request(client.make(Ask::Fired), UsePromise);
    let second = client.pipeline.open(client.make(Ask::Rows(3))).unwrap();
    let number = by_id.id().short();
    let say: String = (0..3).map(|n| format!("~{number} {n}\n")).collect();
    write_all(&theirs, say + &format!("#{number} end\n")).detach();
    let number = second.id().short();
    let say: String = (0..3).map(|n| format!("*{number} {n}\n")).collect();
    write_all(&theirs, say).detach();
    context.run_until_stalled();
    for n in 0..3 {
        let part = by_id.next_part().blocking().unwrap();
        assert_eq!(part.unwrap(), n.to_string());
    }
    assert_eq!(by_id.next_part().blocking().unwrap(), None);
    assert_eq!(by_id.reply().blocking().unwrap().0, "end");
    // They hold up nobody.
    write_all(&theirs, "=first\n-part\n=second\n").detach();
    assert_eq!(first.wait().blocking().unwrap().0, "first");
    assert_eq!(second.next_part().blocking().unwrap().unwrap(), "part");
    assert_eq!(second.reply().blocking().unwrap().0, "second");
}

/// What somebody waits for is not kept; and one request at least may be under way.
#[test]
fn limits_of_nothing() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.limits.messages = 0;
        lines.limits.unanswered = 0;
        lines.limits.unsent = 0;
        let client = Client::with(&context.executor(), lines);
        let pipeline = &client.pipeline;
        let message = pipeline.async_next_message(UsePromise);
        let asked = [Ask::Shout(1), Ask::Fired, Ask::Echo("last".into())];
        let asked = asked.map(|ask| pipeline.async_request(client.make(ask), UsePromise));
        assert_eq!(message.wait().blocking().unwrap(), "0");
        let replies = asked.map(|it| it.wait().blocking().unwrap().0);
        assert_eq!(replies, ["1", "0", "last"]);
        assert_eq!(server.accepted(), 1);
    });
}

/// The protocol panics where it connects, and so do handlers that hear of it.
#[test]
fn connecting_panics() {
    with_server(|server, context| {
        let lines = Lines::new(server.address);
        lines.panics.store(1, Ordering::SeqCst);
        let client = Client::with(&context.executor(), lines);
        let (sender, receiver) = channel();
        for _ in 0..3 {
            let sender = sender.clone();
            client.ask(Ask::Fired).callback(move |reply| {
                sender.send(reply.unwrap_err().to_string()).unwrap();
                panic!("on purpose");
            });
        }
        drop(sender);
        for _ in 0..4 {
            assert!(panic_of(|| context.run()).contains("on purpose"));
        }
        context.run();
        let errors: Vec<_> = receiver.iter().collect();
        assert_eq!(errors.len(), 3);
        assert!(
            errors.iter().all(|it| it.contains("panicked")),
            "{errors:?}"
        );
        assert_eq!(client.echo("anew"), "anew");
    });
}

/// One that waits until there is room panics where it is encoded: its caller is told.
#[test]
fn encoding_panics_at_the_door() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.limits.unanswered = 1;
        let client = Client::with(&context.executor(), lines);
        let pipeline = &client.pipeline;
        let make = |ask| client.make(ask);
        let first = pipeline.async_request(make(Ask::Fired), UsePromise);
        let request = pipeline.async_request(make(Ask::EncodePanics), UsePromise);
        let waited_for = pipeline.open(make(Ask::EncodePanics)).unwrap();
        let part = waited_for.async_next_part(UsePromise);
        let not_waited_for = pipeline.open(make(Ask::EncodePanics)).unwrap();
        let last = pipeline.async_request(make(Ask::Fired), UsePromise);
        for _ in 0..3 {
            assert!(panic_of(|| context.run()).contains("on purpose"));
        }
        let errors = [
            request.wait().blocking().err(),
            part.wait().blocking().err(),
            not_waited_for.reply().blocking().err(),
        ];
        for error in errors.map(Option::unwrap) {
            assert!(error.to_string().contains("panicked"), "{error}");
        }
        assert_eq!(first.wait().blocking().unwrap().0, "0");
        assert_eq!(last.wait().blocking().unwrap().0, "0");
        assert_eq!(server.accepted(), 1);
        drop((waited_for, not_waited_for));
        assert_eq!(client.token.count(), 1);
    });
}

/// An exchange that is dropped while somebody waits for its next part: he is told, and holds up
/// nobody. At the door, in order, and by id.
#[test]
fn an_exchange_goes_first() {
    with_server(|server, context| {
        let mut lines = Lines::new(server.address);
        lines.limits.unanswered = 1;
        let client = Client::with(&context.executor(), lines);
        let pipeline = &client.pipeline;
        let asks = [Ask::Rows(3), Ask::Flood(3)];
        for (ask, is_at_door) in asks
            .into_iter()
            .flat_map(|it| [(it.clone(), true), (it, false)])
        {
            // A server that is quick may have sent the part before anybody waits for it.
            let is_too_late = |_: &u32| {
                let before =
                    is_at_door.then(|| pipeline.async_request(client.make(Ask::Fired), UsePromise));
                let rows = pipeline.open(client.make(ask.clone())).unwrap();
                let part = rows.async_next_part(UsePromise);
                drop(rows);
                let part = part.wait().blocking();
                before.map(|it| it.wait().blocking().unwrap());
                context.restart();
                context.run();
                assert_eq!(client.echo("behind"), "behind");
                assert_eq!(client.token.count(), 1);
                match part {
                    Ok(part) => {
                        assert!(!is_at_door && part.as_deref() == Some("0"), "{part:?}");
                        true
                    }
                    Err(error) => {
                        assert!(is_cancelled(&error), "{error}");
                        false
                    }
                }
            };
            assert!((0..100).take_while(is_too_late).count() < 100);
        }
    });
}

/// Who awaits a reply on a context that nobody runs is told what to do.
#[cfg(unix)]
#[test]
#[cfg_attr(not(debug_assertions), ignore = "release builds do not look")]
fn nobody_runs_it() {
    const CHILD: &str = "ASYNC_OP_TESTS_CHILD";
    if env::var(CHILD).is_ok() {
        let context = IoContext::new().unwrap();
        let (ours, _theirs) = UnixStream::pair(&context).unwrap();
        let mut lines = Lines::over([ours]);
        lines.greeting = false;
        let client = Client::with(&context, lines);
        let _ = pollster::block_on(client.ask(Ask::Fired));
        unreachable!("nobody runs it");
    }
    if async_op_tests::is_emulated() {
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kinds::nobody_runs_it", "--nocapture"])
        .env(CHILD, "1")
        .env("ASYNC_OP_WATCH", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.find_map(|line| line.ok().filter(|it| it.contains("async-op:")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.unwrap().contains("`async_request` has waited"));
}
