//! Requests over a shared connection whose callers give up at any point: nobody
//! receives the reply of another, and the connection is kept.

#[path = "../../runtime/examples/redis/client/mod.rs"]
mod client;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType, OperationError};
use async_op::io::{read_until, write_all};
use async_op::net::TcpStream;
use async_op::sync::Mutex;
use async_op::{
    Initiation, IoContext, IoExecutor, IoObject, Operation, SystemExecutor, UseFuture, async_op,
    bind_cancellation_slot,
};
use async_op_tests::redis::RedisServer;
use async_op_tests::without_hanging;

use client::{Address, Client, Config, Result, Value};

const REQUESTS: u32 = 10_000;
/// How often a future is polled at the most before it is given up, and after how many
/// microseconds a limit is over: about as long as a reply takes.
const POLLS: u64 = 12;
const LIMIT: u64 = 60;

type Bytes = Vec<u8>;
type Echo = fn(Result<Option<Bytes>>);

/// A small generator of random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// What became of all requests.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicU32,
    dropped: AtomicU32,
    cancelled: AtomicU32,
    timed_out: AtomicU32,
    /// The caller has received something else.
    wrong: AtomicU32,
    /// The connection was lost.
    failed: AtomicU32,
}

impl Tally {
    fn count(&self, text: &str, result: Result<Option<Bytes>>) {
        let count = match result {
            Ok(Some(reply)) if reply == text.as_bytes() => &self.answered,
            Ok(_) => &self.wrong,
            Err(error) if error.is_cancelled() => &self.cancelled,
            Err(error) if error.is_timeout() => &self.timed_out,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls `future` so many times, letting others run in between; returns its
/// output if it is ready by then, else drops it.
async fn polled<F: Future>(future: F, times: u64) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Makes requests by `echo` that are given up at random.
async fn give_up<I>(
    echo: impl Fn(&str) -> Operation<Echo, I>,
    tally: &Tally,
    task: u32,
    requests: u32,
) where
    I: Initiation<Echo> + 'static,
{
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ u64::from(task + 1) << 32);
    for n in 0..requests {
        let text = format!("{task}: {n}");
        let operation = echo(&text);
        match random.below(5) {
            0 => match polled(operation, random.below(POLLS)).await {
                Some(result) => tally.count(&text, result),
                None => drop(tally.dropped.fetch_add(1, Ordering::Relaxed)),
            },
            1 => {
                let limit = Duration::from_micros(random.below(LIMIT));
                tally.count(&text, operation.cancel_after(limit).await);
            }
            2 => {
                let signal = CancellationSignal::new();
                let token = bind_cancellation_slot(signal.slot(), UseFuture);
                let mut future = pin!(operation.with(token));
                let result = match polled(future.as_mut(), random.below(POLLS)).await {
                    Some(result) => result,
                    None => {
                        signal.emit(CancellationType::TERMINAL);
                        future.await
                    }
                };
                tally.count(&text, result);
            }
            _ => tally.count(&text, operation.await),
        }
    }
}

/// Does so in some tasks on two threads.
fn in_tasks<I>(
    tasks: u32,
    echo: impl Fn(&str) -> Operation<Echo, I> + Clone + Send + Sync + 'static,
) -> Arc<Tally>
where
    I: Initiation<Echo> + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let tally = Arc::new(Tally::default());
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let (echo, tally) = (echo.clone(), tally.clone());
            runtime.spawn(async move { give_up(echo, &tally, task, REQUESTS / tasks).await })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    println!("{tally:?}");
    tally
}

fn echo_of(client: &Client, text: &str) -> Operation<Echo, impl Initiation<Echo> + use<>> {
    client
        .request(command!["ECHO", text])
        .map(|reply| reply?.bytes())
}

fn id_of(client: &Client) -> Value {
    client.request(command!["CLIENT", "ID"]).blocking().unwrap()
}

#[test]
fn nobody_receives_the_reply_of_another() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        for (tasks, address) in [
            (16, Address::from(server.address)),
            (2, Address::from(server.address)),
            (16, Address::Unix(server.socket())),
        ] {
            let client = Client::new(&SystemExecutor, Config::new(address));
            let before = id_of(&client);
            let echo = client.clone();
            let tally = in_tasks(tasks, move |text| echo_of(&echo, text));
            assert_eq!(tally.wrong.load(Ordering::Relaxed), 0, "{tally:?}");
            assert_eq!(tally.failed.load(Ordering::Relaxed), 0, "{tally:?}");
            // Each kind of end has occurred.
            for count in [
                &tally.answered,
                &tally.dropped,
                &tally.cancelled,
                &tally.timed_out,
            ] {
                assert!(count.load(Ordering::Relaxed) > REQUESTS / 100, "{tally:?}");
            }
            assert_eq!(id_of(&client), before, "the connection was kept");
        }
    });
}

/// The same with callbacks on one thread, some of them cancelled while all are in
/// the pipeline.
#[test]
fn callbacks_in_a_pipeline() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(server.address));
        let before = id_of(&client);
        let tally = Arc::new(Tally::default());
        let mut random = Random(7);
        for round in 0..REQUESTS / 100 {
            let mut signals = Vec::new();
            for n in 0..100 {
                let text = format!("{round}: {n}");
                let (echo, tally) = (echo_of(&client, &text), tally.clone());
                let handler = move |result| tally.count(&text, result);
                match random.below(3) {
                    0 => {
                        let signal = CancellationSignal::new();
                        echo.with(bind_cancellation_slot(signal.slot(), handler));
                        signals.push(signal);
                    }
                    1 => {
                        let limit = Duration::from_micros(random.below(300));
                        echo.cancel_after(limit).callback(handler);
                    }
                    _ => echo.callback(handler),
                }
                if random.below(4) == 0 {
                    context.restart();
                    context.run_one();
                }
                if random.below(4) == 0
                    && let Some(signal) = signals.pop()
                {
                    signal.emit(CancellationType::TERMINAL);
                }
            }
            context.restart();
            context.run();
        }
        let counts = [&tally.answered, &tally.cancelled, &tally.timed_out];
        let counts = counts.map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts.iter().sum::<u32>(), REQUESTS, "{tally:?}");
        assert!(
            counts.iter().all(|&count| count > REQUESTS / 100),
            "{tally:?}"
        );
        context.restart();
        assert_eq!(id_of(&client), before);
    });
}

/// What one writes first: a lock, a write, and a read.
#[derive(Clone)]
struct Naive {
    connection: Mutex<(TcpStream, Bytes)>,
}

impl IoObject for Naive {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        *SystemExecutor
    }
}

impl Naive {
    #[async_op]
    async fn async_echo(&self, text: &str) -> Result<Option<Bytes>> {
        let mut connection = self.connection.lock().await?;
        let (stream, buffer) = &mut *connection;
        write_all(stream, command!["ECHO", text].as_bytes()).await?;
        let end = read_until(stream, &mut *buffer, "\r\n").await?;
        buffer.drain(..end);
        let end = read_until(stream, &mut *buffer, "\r\n").await?;
        let line: Bytes = buffer.drain(..end).collect();
        Ok(Some(line[..end - 2].to_vec()))
    }
}

/// The test above would see it.
#[test]
fn replies_go_astray_where_a_request_is_a_write_and_a_read() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let stream = TcpStream::connect(&SystemExecutor, server.address)
            .blocking()
            .unwrap();
        let naive = Naive {
            connection: Mutex::new(&*SystemExecutor, (stream, Vec::new())),
        };
        let tally = in_tasks(2, move |text| naive.echo(text));
        assert!(tally.wrong.load(Ordering::Relaxed) > 0, "{tally:?}");
    });
}

/// What is stored may look like a message of a channel.
#[test]
fn a_reply_that_looks_like_a_message_is_a_reply() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let looks = ["message", "channel", "payload"];
        let as_values = |list: Vec<Bytes>| list.iter().eq(looks.iter().map(|it| it.as_bytes()));
        for resp3 in [false, true] {
            let context = IoContext::new().unwrap();
            let mut config = Config::new(server.address);
            config.resp3 = resp3;
            let client = Client::new(&context, config);
            let (kind, channel, payload) = ("message", "channel", "payload");
            let delete = client.request(command!["DEL", "looks"]);
            delete.blocking().unwrap();
            let push = command!["RPUSH", "looks", kind, channel, payload];
            client.request(push).blocking().unwrap();
            // Under way when the subscription is asked for.
            let before = client.async_lrange("looks", 0, -1, async_op::token::UsePromise);
            client.subscribe("channel").blocking().unwrap();
            assert!(as_values(before.wait().blocking().unwrap()));
            if resp3 {
                assert!(as_values(client.lrange("looks", 0, -1).blocking().unwrap()));
                assert_eq!(client.incr("number").blocking().unwrap(), 1);
            }
            let other = Client::new(&context, Config::new(server.address));
            assert_eq!(other.publish("channel", b"text").blocking().unwrap(), 1);
            let message = client.next_message().blocking().unwrap();
            assert_eq!(message.payload, b"text");
        }
    });
}

/// A connection that is being made when the client is closed is not the next one.
#[test]
fn closed_while_it_connects() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let clients = [context.executor(), *SystemExecutor];
        for round in 0..50 {
            let executor = clients[round % 2];
            let config = Config::new(server.address);
            let client = Client::new(&executor, config);
            let first = client.async_request(command!["PING"], async_op::token::UsePromise);
            client.close();
            let second = client.async_request(command!["ECHO", "x"], async_op::token::UsePromise);
            // In time, perhaps, where another thread runs the context.
            if let Err(error) = first.wait().blocking() {
                assert!(error.is_cancelled());
            }
            let reply = second.wait().blocking().unwrap();
            assert_eq!(reply, Value::Bytes(b"x".to_vec()));
            client.close();
            context.restart();
            context.run();
            assert!(!client.is_connected());
        }
    });
}

#[test]
fn a_transaction_whose_key_has_changed() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = || Client::new(&context, Config::new(server.address));
        let (one, other) = (client(), client());
        one.request(command!["WATCH", "k"]).blocking().unwrap();
        other.incr("k").blocking().unwrap();
        let get = [command!["GET", "k"]];
        assert_eq!(one.transaction(&get).blocking().unwrap(), None);
        let replies = one.transaction(&get).blocking().unwrap();
        assert_eq!(replies, Some(vec![Value::Bytes(b"1".to_vec())]));
    });
}
