//! Requests to PostgreSQL that are given up at any moment, from many callers, while the
//! server ends their sessions and is restarted: nobody receives what is another's, nobody
//! waits for ever, and nothing is left.
#![cfg(unix)]

#[path = "../../runtime/examples/postgres/client/mod.rs"]
mod client;

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType, OperationError};
use async_op::io::{read_exact, write_all};
use async_op::net::AnyStream;
use async_op::test::{TestContext, TestStream, dial};
use async_op::{
    Initiation, IoContext, Operation, SystemExecutor, UseFuture, bind_cancellation_slot,
};
use async_op_tests::astray::{self, Echo, Shared};
use async_op_tests::postgres::PostgresServer;
use async_op_tests::{Random, without_hanging};

use client::{Address, Client, Config, Query, Result, Rows, Statement};

const REQUESTS: u64 = 10_000;
const CALLERS: u64 = 64;
const THREADS: usize = 4;
const RUNNERS: usize = 2;

/// What became of all requests.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    dropped: AtomicUsize,
    cancelled: AtomicUsize,
    timed_out: AtomicUsize,
    /// The connection was lost.
    failed: AtomicUsize,
    /// The caller has received something else.
    wrong: AtomicUsize,
}

impl Tally {
    fn count(&self, expected: &str, result: Result<String>) {
        let count = match result {
            Ok(reply) if reply == expected => &self.answered,
            Ok(reply) => {
                println!("{reply:?}, not {expected:?}");
                &self.wrong
            }
            Err(error) if error.is_cancelled() => &self.cancelled,
            Err(error) if error.is_timeout() => &self.timed_out,
            Err(error) => {
                let is_known = match error.code() {
                    // Ended by somebody, by the end of the server, or not begun for that.
                    Some(code) => ["57P01", "57P02", "57P03"].contains(&code),
                    None => error.as_io().is_some(),
                };
                assert!(is_known, "{error}");
                &self.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many were answered, and so on; the last have failed.
    fn counts(&self) -> [usize; 5] {
        let all = [
            &self.answered,
            &self.dropped,
            &self.cancelled,
            &self.timed_out,
            &self.failed,
        ];
        all.map(|it| it.load(Ordering::Relaxed))
    }

    fn assert_plausible(&self) {
        println!("{self:?}");
        let all = self.counts();
        assert_eq!(self.wrong.load(Ordering::Relaxed), 0, "{self:?}");
        assert_eq!(
            all.iter().sum::<usize>() as u64,
            REQUESTS / CALLERS * CALLERS
        );
        assert!(all[0] > 100 && all[4] > 0, "{self:?}");
    }
}

fn text(result: Result<Rows>) -> Result<String> {
    result?.one()?.get(0)
}

/// Polls `future` so many times, letting others run in between.
async fn polled<F: Future>(future: F, times: u64) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Reads some rows of many.
async fn read_rows(client: &Client, random: &mut Random) -> Result<bool> {
    let (rows, taken) = (random.below(20), random.below(25));
    let text = format!("select generate_series(1, {rows})");
    let stream = client.stream(&*text, &[])?;
    for n in 1..=taken {
        match stream.next().await? {
            Some(row) => assert_eq!(row.get::<i64>(0)?, n as i64),
            None => {
                assert_eq!(n, rows + 1);
                return Ok(true);
            }
        }
    }
    Ok(taken > rows)
}

/// Copies something, or gives up.
async fn copy(client: &Client, random: &mut Random) -> Result<(u64, u64)> {
    let lines = random.below(5);
    let copy = client.copy_in("copy sink from stdin")?;
    for n in 0..lines {
        copy.send(format!("{n}\n").into_bytes()).await?;
        if random.below(10) == 0 {
            return Ok((0, 0));
        }
    }
    Ok((lines, copy.finish().await?))
}

/// Makes requests that are given up at random.
async fn give_up(
    client: Client,
    statement: Statement,
    (tally, health): (Arc<Tally>, Arc<Health>),
    caller: u64,
) {
    let mut random = Random::new(caller);
    for n in 0..REQUESTS / CALLERS {
        while health.is_down.load(Ordering::SeqCst) && random.below(10) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let expected = format!("{caller}: {n}");
        let query: &dyn Query = match random.below(2) {
            0 => &"select $1::text",
            _ => &statement,
        };
        let operation = client.query(query, &[&expected]);
        match random.below(8) {
            0 | 1 => match polled(operation, random.below(12)).await {
                Some(result) => tally.count(&expected, text(result)),
                None => _ = tally.dropped.fetch_add(1, Ordering::Relaxed),
            },
            2 => {
                let limit = Duration::from_micros(random.below(500));
                tally.count(&expected, text(operation.cancel_after(limit).await));
            }
            3 => {
                let signal = CancellationSignal::new();
                let token = bind_cancellation_slot(signal.slot(), UseFuture);
                let mut future = pin!(operation.with(token));
                let result = match polled(future.as_mut(), random.below(12)).await {
                    Some(result) => result,
                    None => {
                        signal.emit(CancellationType::TERMINAL);
                        future.await
                    }
                };
                tally.count(&expected, text(result));
            }
            4 => {
                drop(operation);
                let read = read_rows(&client, &mut random).await;
                tally.count("", read.map(|_| String::new()));
            }
            5 if random.below(4) == 0 => {
                drop(operation);
                let copied = copy(&client, &mut random).await.map(|(sent, copied)| {
                    assert_eq!(sent, copied);
                    String::new()
                });
                tally.count("", copied);
            }
            _ => tally.count(&expected, text(operation.await)),
        }
    }
}

/// How the server is.
#[derive(Default)]
struct Health {
    /// It is being started again: few requests are for that.
    is_down: AtomicBool,
    is_over: AtomicBool,
}

/// Ends all other sessions whenever some requests have been answered, and the server more
/// seldom, until all is over.
fn killer(mut server: PostgresServer, health: &Health, tally: &Tally) -> PostgresServer {
    let context = IoContext::new().unwrap();
    let client = Client::new(&context, Config::parse(&server.unix_url()).unwrap());
    let mut random = Random::new(99);
    let (mut rounds, mut next) = (0, 0);
    while !health.is_over.load(Ordering::SeqCst) {
        let answered = tally.counts()[0];
        if answered < next {
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        next = answered + random.below(60) as usize;
        rounds += 1;
        if rounds % 20 == 0 {
            health.is_down.store(true, Ordering::SeqCst);
            server.restart();
            health.is_down.store(false, Ordering::SeqCst);
            continue;
        }
        let all = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where backend_type = 'client backend' and pid <> pg_backend_pid()";
        // The first after a restart finds no connection.
        let _ = client.batch(all).blocking();
    }
    server
}

/// Makes what the callers use: a table that takes anything, and a statement.
fn prepare(client: &Client) -> Statement {
    client
        .batch("create table sink (n int)")
        .blocking()
        .unwrap();
    client.prepare("select $1::text").blocking().unwrap()
}

/// Asserts that nobody waits, and that no place is left.
fn assert_idle(client: &Client) {
    let rows = client.batch("select 'last'").blocking();
    assert_eq!(text(rows).unwrap(), "last");
    let state = format!("{client:?}");
    assert!(state.contains("waiting: 0, unanswered: 0"), "{state}");
}

#[test]
fn futures_that_are_given_up() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    without_hanging(|| {
        let client = Client::new(
            &SystemExecutor,
            Config::parse(&server.url(PostgresServer::USER)).unwrap(),
        );
        let statement = prepare(&client);
        let tally = Arc::new(Tally::default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()
            .unwrap();
        let health = Arc::new(Health::default());
        let _server = thread::scope(|scope| {
            let killer = scope.spawn(|| killer(server, &health, &tally));
            let callers: Vec<_> = (0..CALLERS)
                .map(|caller| {
                    let (client, statement) = (client.clone(), statement.clone());
                    let shared = (tally.clone(), health.clone());
                    runtime.spawn(give_up(client, statement, shared, caller))
                })
                .collect();
            for caller in callers {
                runtime.block_on(caller).unwrap();
            }
            health.is_over.store(true, Ordering::SeqCst);
            killer.join().unwrap()
        });
        tally.assert_plausible();
        while client.batch("select 1").blocking().is_err() {}
        // The session has what the last ones had.
        let rows = client.query(&statement, &[&"still"]).blocking();
        assert_eq!(text(rows).unwrap(), "still");
        assert_idle(&client);
    });
}

/// With callbacks, on threads that run the context; some of them panic.
#[test]
fn handlers_that_panic() {
    let Some(server) = PostgresServer::start() else {
        return;
    };
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::parse(&server.unix_url()).unwrap());
        let statement = prepare(&client);
        let (tally, token) = (Arc::new(Tally::default()), Arc::new(()));
        let left = AtomicUsize::new((REQUESTS / CALLERS * CALLERS) as usize);
        let left = Arc::new(left);
        let panics = AtomicUsize::new(0);
        let health = Arc::new(Health::default());
        let _server = thread::scope(|scope| {
            let killer = scope.spawn(|| killer(server, &health, &tally));
            let runners: Vec<_> = (0..RUNNERS)
                .map(|_| {
                    scope.spawn(|| {
                        while left.load(Ordering::SeqCst) > 0 {
                            let run = || context.run_for(Duration::from_millis(5));
                            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                                panics.fetch_add(1, Ordering::SeqCst);
                            }
                            if context.stopped() {
                                thread::yield_now();
                                context.restart();
                            }
                        }
                    })
                })
                .collect();
            for caller in 0..CALLERS {
                let (client, statement, tally) = (&client, &statement, &tally);
                let (left, token, health) = (&left, &token, &health);
                scope.spawn(move || {
                    let mut random = Random::new(1000 + caller);
                    let (sender, receiver) = channel();
                    for n in 0..REQUESTS / CALLERS {
                        while health.is_down.load(Ordering::SeqCst) && random.below(10) > 0 {
                            thread::sleep(Duration::from_millis(1));
                        }
                        let expected = format!("{caller}: {n}");
                        let operation = client.query(statement, &[&expected]);
                        let panics = random.below(50) == 0;
                        let (tally, left, token) = (tally.clone(), left.clone(), token.clone());
                        let sender = sender.clone();
                        let handler = move |result: Result<Rows>| {
                            let _token = token;
                            tally.count(&expected, text(result));
                            left.fetch_sub(1, Ordering::SeqCst);
                            let _ = sender.send(());
                            assert!(!panics, "on purpose");
                        };
                        match random.below(4) {
                            0 => {
                                let limit = Duration::from_micros(random.below(2000));
                                operation.cancel_after(limit).callback(handler);
                            }
                            1 => {
                                let signal = CancellationSignal::new();
                                operation.with(bind_cancellation_slot(signal.slot(), handler));
                                if random.below(2) == 0 {
                                    signal.emit(CancellationType::TERMINAL);
                                }
                            }
                            _ => operation.callback(handler),
                        }
                        // Some are under way together.
                        if random.below(2) == 0 {
                            receiver.recv().unwrap();
                        }
                    }
                });
            }
            for runner in runners {
                runner.join().unwrap();
            }
            health.is_over.store(true, Ordering::SeqCst);
            killer.join().unwrap()
        });
        tally.assert_plausible();
        assert!(panics.into_inner() > 0);
        assert_eq!(Arc::strong_count(&token), 1);
        while client.batch("select 1").blocking().is_err() {}
        assert_idle(&client);
    });
}

impl Shared for Client {
    fn new(context: &TestContext, stream: TestStream) -> Self {
        let mut config = Config::new(Address::Tcp(Vec::new()), "me");
        config.dial = Some(Arc::new(dial([AnyStream::new(stream)])));
        Client::new(context, config)
    }

    fn ask(&self, text: &str) -> Operation<Echo, impl Initiation<Echo> + 'static> {
        self.batch(text).map(|rows| {
            let text = rows.and_then(|rows| rows.one()?.get::<String>(0));
            text.map_err(io::Error::other)
        })
    }

    async fn serve(stream: TestStream) {
        // Its end is for the reads to notice.
        let _ = serve(stream).await;
    }
}

/// A message of the server.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(4 + body.len()).unwrap();
    [&[kind][..], &len.to_be_bytes(), body].concat()
}

/// Reads what comes after a length.
async fn body(stream: &TestStream) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    read_exact(stream, &mut len).await?;
    let mut body = vec![0; u32::from_be_bytes(len) as usize - 4];
    read_exact(stream, &mut body).await?;
    Ok(body)
}

/// Answers each simple query with one row, whose one value is the query.
async fn serve(stream: TestStream) -> io::Result<()> {
    body(&stream).await?;
    let ready = message(b'Z', b"I");
    let welcome = [message(b'R', &[0; 4]), ready.clone()].concat();
    write_all(&stream, welcome).await.0?;
    loop {
        let mut kind = [0];
        read_exact(&stream, &mut kind).await?;
        let query = body(&stream).await?;
        if kind == *b"X" {
            return Ok(());
        }
        assert_eq!(kind, *b"Q");
        let text = query.strip_suffix(b"\0").unwrap();
        let len = u32::try_from(text.len()).unwrap();
        // Of the type `text`.
        let column = b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
        let row = [b"\0\x01", &len.to_be_bytes()[..], text].concat();
        let reply = [
            message(b'T', column),
            message(b'D', &row),
            message(b'C', b"SELECT 1\0"),
            ready.clone(),
        ];
        write_all(&stream, reply.concat()).await.0?;
    }
}

#[test]
fn no_reply_goes_astray_at_any_step() {
    astray::one_gives_up_at_each_step::<Client>(10..100);
    astray::some_give_up_in_any_order::<Client>();
}
