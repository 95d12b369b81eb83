//! The client of NATS, against a real server, and before one that is written here.

#[path = "../../runtime/examples/nats/client.rs"]
mod client;

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use async_op::io::{AsyncReadStream, write_all};
use async_op::net::AnyStream;
use async_op::net::pipeline::Address;
use async_op::test::{TestContext, TestStream, dial};
use async_op::token::UsePromise;
use async_op::{Detached, Initiation, IoContext, Operation, SystemExecutor, is_timeout, spawn};
use async_op_tests::astray::{self, Echo, Shared};
use async_op_tests::{Random, ServerProcess, without_hanging};
use futures_lite::future::poll_once;

use client::{Client, Message, Subscription};

fn start() -> Option<ServerProcess> {
    ServerProcess::start("nats-server", |port| {
        let port = port.to_string();
        ["-a", "127.0.0.1", "-p", &port].map(str::to_owned).to_vec()
    })
}

/// Answers by what it was asked.
async fn echo(client: Client, questions: Subscription) -> io::Result<()> {
    loop {
        let question = questions.next().await?;
        if let Some(reply) = &question.reply {
            client.publish(reply, &question.payload).await?;
        }
    }
}

#[test]
fn a_real_server() {
    let Some(mut server) = start() else { return };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, server.address);
        let (all, one) = (
            client.subscribe("a.*").unwrap(),
            client.subscribe("a.b").unwrap(),
        );
        client.publish("a.b", b"both\r\n").blocking().unwrap();
        client.publish("a.c", b"").blocking().unwrap();
        client.publish("b.b", b"none").blocking().unwrap();
        let message = |subject: &str, payload: &[u8]| Message {
            subject: subject.into(),
            reply: None,
            payload: payload.into(),
        };
        assert_eq!(one.next().blocking().unwrap(), message("a.b", b"both\r\n"));
        assert_eq!(all.next().blocking().unwrap(), message("a.b", b"both\r\n"));
        assert_eq!(all.next().blocking().unwrap(), message("a.c", b""));
        // What is dropped does not come any more, and the others are not disturbed.
        drop(one);
        client.publish("a.b", b"again").blocking().unwrap();
        assert_eq!(all.next().blocking().unwrap().payload, b"again");
        client.flush().blocking().unwrap();
        for subject in ["", "a b", "a\r\nPING"] {
            let error = client.publish(subject, b"").blocking().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(client.subscribe(subject).is_err());
        }
        // Requests, by many at once, in any order.
        let error = client.request("nobody", b"").blocking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let service = Client::new(&SystemExecutor, server.address);
        let questions = service.subscribe("echo").unwrap();
        spawn(&SystemExecutor, echo(service.clone(), questions), Detached);
        service.flush().blocking().unwrap();
        let (sender, receiver) = channel();
        for n in 0..1000 {
            let sender = sender.clone();
            let text = n.to_string();
            client
                .request("echo", text.as_bytes())
                .callback(move |answer| {
                    sender
                        .send(answer.unwrap().payload == text.as_bytes())
                        .unwrap();
                });
        }
        context.restart();
        context.run();
        assert_eq!(receiver.try_iter().filter(|&it| it).count(), 1000);
        // The server goes, and comes back.
        let next = all.async_next(UsePromise);
        server.kill();
        assert!(next.wait().blocking().is_err());
        assert!(all.next().blocking().is_err());
        server.restart();
        let all = client.subscribe("a.*").unwrap();
        client.publish("a.b", b"anew").blocking().unwrap();
        assert_eq!(all.next().blocking().unwrap().payload, b"anew");
        service.close();
    });
}

/// Requests that are given up at random: the answer is that of another never.
#[test]
fn requests_given_up() {
    let Some(server) = start() else { return };
    without_hanging(move || {
        let service = Client::new(&SystemExecutor, server.address);
        let questions = service.subscribe("echo").unwrap();
        spawn(&SystemExecutor, echo(service.clone(), questions), Detached);
        service.flush().blocking().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let client = Client::new(&SystemExecutor, server.address);
        let tasks = (0..16).map(|task| {
            let client = client.clone();
            runtime.spawn(async move {
                let mut random = Random::new(task);
                let (mut answered, mut given_up) = (0, 0);
                for n in 0..300 {
                    let text = format!("{task}: {n}");
                    let limit = Duration::from_micros(random.below(100_000));
                    let request = client.request("echo", text.as_bytes());
                    if n % 20 == 0 {
                        // Behind what has been given up: a service that is slower than those who
                        // ask loses its subscription when 1,000 questions wait.
                        assert_eq!(request.await.unwrap().payload, text.as_bytes());
                        answered += 1;
                        continue;
                    }
                    if random.below(3) == 0 {
                        let mut request = pin!(request);
                        match poll_once(request.as_mut()).await {
                            // Other threads have been as fast as that.
                            Some(answer) => {
                                assert_eq!(answer.unwrap().payload, text.as_bytes());
                                answered += 1;
                            }
                            None => given_up += 1,
                        }
                        continue;
                    }
                    match request.cancel_after(limit).await {
                        Ok(answer) => {
                            assert_eq!(answer.payload, text.as_bytes());
                            answered += 1;
                        }
                        Err(error) => {
                            assert!(is_timeout(&error), "{error}");
                            given_up += 1;
                        }
                    }
                }
                (answered, given_up)
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let counts = tasks.into_iter().map(|it| runtime.block_on(it).unwrap());
        let (answered, given_up) = counts.fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        assert_eq!(answered + given_up, 16 * 300);
        assert!(answered > 100 && given_up > 100, "{answered} {given_up}");
        service.close();
    });
}

/// A server that greets, and then says what `lines` has for each line that comes.
fn fake(lines: impl Fn(&str) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"INFO {}\r\n").unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while matches!(reader.read_line(&mut line), Ok(1..)) {
                let greets = line.starts_with("PING") && !line.is_empty();
                let reply = if greets {
                    b"PONG\r\n".to_vec()
                } else {
                    lines(line.trim_end())
                };
                if stream.write_all(&reply).is_err() {
                    break;
                }
                line.clear();
            }
        }
    });
    address
}

#[test]
fn a_server_that_asks_and_answers() {
    let (sender, pongs) = channel();
    let address = fake(move |line| {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["SUB", "s", sid] => {
                let late = "MSG s 77 4\r\nlate\r\n";
                let header = "NATS/1.0\r\nkey: value\r\n\r\n";
                let (head, all) = (header.len(), header.len() + 4);
                format!("PING\r\n{late}MSG s {sid} 3\r\none\r\nHMSG s {sid} r.r {head} {all}\r\n{header}two!\r\n")
                    .into_bytes()
            }
            ["PONG"] => {
                sender.send(()).unwrap();
                Vec::new()
            }
            _ => Vec::new(),
        }
    });
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, address);
        let subscription = client.subscribe("s").unwrap();
        assert_eq!(subscription.next().blocking().unwrap().payload, b"one");
        let two = subscription.next().blocking().unwrap();
        assert_eq!(two.payload, b"two!");
        assert_eq!(two.reply.as_deref(), Some("r.r"));
        client.flush().blocking().unwrap();
        pongs.recv().unwrap();
    });
}

#[test]
fn a_server_that_lies() {
    for lie in [
        &b"-ERR 'Authorization Violation'\r\n"[..],
        b"MSG s 1 2147483647\r\nx",
        b"MSG s\r\n",
        b"MSG s x 1\r\nx\r\n",
        b"HMSG s 1 9 5\r\nvalue\r\n",
        b"MSG s 1 1\r\nxyz\r\n",
        b"\xff\r\n",
    ] {
        let address = fake(move |line| match line.starts_with("PUB bad") {
            true => lie.to_vec(),
            false => Vec::new(),
        });
        without_hanging(move || {
            let context = IoContext::new().unwrap();
            let client = Client::new(&context, address);
            let subscription = client.subscribe("s").unwrap();
            let next = subscription.async_next(UsePromise);
            let asked = client.async_request("bad", b"", UsePromise);
            for error in [next.wait().blocking(), asked.wait().blocking()] {
                let kind = error.unwrap_err().kind();
                assert_eq!(
                    kind,
                    ErrorKind::InvalidData,
                    "{}",
                    String::from_utf8_lossy(lie)
                );
            }
            client.flush().blocking().unwrap();
        });
    }
}

impl Shared for Client {
    fn new(context: &TestContext, stream: TestStream) -> Self {
        Client::new(context, Address::dial(dial([AnyStream::new(stream)])))
    }

    fn ask(&self, text: &str) -> Operation<Echo, impl Initiation<Echo> + 'static> {
        let answer = self.request("echo", text.as_bytes());
        answer.map(|answer| Ok(String::from_utf8(answer?.payload).unwrap()))
    }

    async fn serve(stream: TestStream) {
        // Its end is for the reads to notice.
        let _ = answer_all(stream).await;
    }
}

/// Answers what has come at once in the wrong order.
async fn answer_all(stream: TestStream) -> io::Result<()> {
    write_all(&stream, "INFO {}\r\n").await?;
    let (mut input, mut asked) = (Vec::new(), None);
    loop {
        let mut part = [0; 1000];
        let len = stream.read_after(&mut &mut part[..], 0).await?;
        input.extend_from_slice(&part[..len]);
        let mut answers = Vec::new();
        while let Some(end) = input.iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8(input.drain(..=end).collect()).unwrap();
            let words: Vec<_> = line.split_whitespace().collect();
            match (asked.take(), &words[..]) {
                (Some(head), _) => answers.push(format!("{head}{line}")),
                (None, ["PING"]) => answers.push("PONG\r\n".to_owned()),
                (None, ["PUB", "echo", subject, len]) => {
                    asked = Some(format!("MSG {subject} 0 {len}\r\n"));
                }
                _ => {}
            }
        }
        answers.reverse();
        write_all(&stream, answers.concat()).await.0?;
        if len == 0 {
            return Ok(());
        }
    }
}

#[test]
fn no_reply_goes_astray_at_any_step() {
    astray::one_gives_up_at_each_step::<Client>(10..100);
    astray::some_give_up_in_any_order::<Client>();
}
