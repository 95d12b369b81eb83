//! Requests given up at any moment, servers that are killed, handlers that panic: nobody
//! receives what is another's, nobody waits for ever, and nothing is left.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::net::pipeline::Pipeline;
use async_op::{
    IoContext, SystemExecutor, UseFuture, bind_cancellation_slot, is_cancelled, is_timeout,
};
use async_op_tests::{Random, without_hanging};

use crate::lines::{Ask, Lines, Reply, Request, Server, Token};

const REQUESTS: u64 = if cfg!(windows) { 1_000 } else { 10_000 }; // Wine takes its time
/// How many times as many there may be until all that can become of them has.
const TIMES: u64 = 100;
/// How many of each there have to be: how fast the machine is, against clocks and the deaths
/// of servers, says how long that takes.
const ENOUGH: usize = 50;
const CALLERS: u64 = 64;
const THREADS: usize = 4;

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
    fn count(&self, expected: &str, result: io::Result<String>) {
        let count = match result {
            Ok(reply) if reply == expected => &self.answered,
            Ok(reply) => {
                println!("{reply:?}, not {expected:?}");
                &self.wrong
            }
            Err(error) if is_cancelled(&error) => &self.cancelled,
            Err(error) if is_timeout(&error) => &self.timed_out,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn total(&self) -> usize {
        let all = [
            &self.answered,
            &self.dropped,
            &self.cancelled,
            &self.timed_out,
            &self.failed,
            &self.wrong,
        ];
        all.map(|it| it.load(Ordering::Relaxed)).iter().sum()
    }

    fn has_enough(&self) -> bool {
        [&self.answered, &self.cancelled, &self.timed_out]
            .iter()
            .all(|count| count.load(Ordering::Relaxed) > ENOUGH)
    }

    fn is_plausible(&self) {
        println!("{self:?}");
        assert_eq!(self.wrong.load(Ordering::Relaxed), 0, "{self:?}");
        assert!(self.has_enough(), "{self:?}");
    }

    fn nobody_fails(&self) {
        self.is_plausible();
        assert_eq!(self.failed.load(Ordering::Relaxed), 0, "{self:?}");
        assert!(self.dropped.load(Ordering::Relaxed) > ENOUGH, "{self:?}");
    }

    fn some_fail(&self) {
        self.is_plausible();
        assert!(self.failed.load(Ordering::Relaxed) > 0, "{self:?}");
    }
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

/// A request at random, and what it is to be answered.
fn request(random: &mut Random, text: &str) -> (Ask, String) {
    match random.below(4) {
        0 => (Ask::Late(text.into()), text.into()),
        1 => {
            let n = random.below(20) as u32;
            (Ask::Rows(n), n.to_string())
        }
        _ => (Ask::Echo(text.into()), text.into()),
    }
}

/// Reads a reply in parts, to some end.
async fn read_parts<const NUMBERS: usize>(
    pipeline: &Pipeline<Lines<NUMBERS>>,
    token: &Token,
    random: &mut Random,
    tally: &Tally,
) {
    let (n, taken) = (random.below(20) as u32, random.below(25) as u32);
    let exchange = match pipeline.open(Request(Ask::Rows(n), token.clone())) {
        Ok(exchange) => exchange,
        Err(error) => return tally.count("", Err(error)),
    };
    for row in 0..taken {
        match exchange.next_part().await {
            Ok(Some(part)) if row < n => assert_eq!(part, row.to_string()),
            Ok(part) => {
                assert!(part.is_none() && row == n, "{part:?} after {row} of {n}");
                break;
            }
            Err(error) => return tally.count("", Err(error)),
        }
    }
    match exchange.reply().await {
        Ok(reply) => tally.count(&n.to_string(), Ok(reply.0)),
        Err(error) => tally.count("", Err(error)),
    }
}

async fn upload<const NUMBERS: usize>(
    pipeline: &Pipeline<Lines<NUMBERS>>,
    token: &Token,
    random: &mut Random,
    tally: &Tally,
) {
    let make = |ask| Request(ask, token.clone());
    let work = async {
        let exchange = pipeline.open(make(Ask::Put))?;
        let chunks = random.below(4);
        for _ in 0..chunks {
            // Given up in the middle, the connection ends.
            exchange.send(make(Ask::Chunk("x".repeat(100)))).await?;
        }
        exchange.finish(make(Ask::LastChunk(String::new())))?;
        Ok::<_, io::Error>((chunks * 100, exchange.reply().await?))
    };
    match work.await {
        Ok((sum, reply)) => tally.count(&sum.to_string(), Ok(reply.0)),
        Err(error) => tally.count("", Err(error)),
    }
}

/// Makes requests that are given up at random; returns how many.
async fn give_up<const NUMBERS: usize>(
    pipeline: Pipeline<Lines<NUMBERS>>,
    token: Token,
    tally: Arc<Tally>,
    caller: u64,
) -> u64 {
    let mut random = Random::new(caller);
    for n in 0..TIMES * REQUESTS / CALLERS {
        if n >= REQUESTS / CALLERS && tally.has_enough() {
            return n;
        }
        let (ask, expected) = request(&mut random, &format!("{caller}: {n}"));
        let operation = pipeline.request(Request(ask, token.clone()));
        let text = |result: io::Result<Reply>| result.map(|reply| reply.0);
        match random.below(8) {
            0 | 1 => match polled(operation, random.below(12)).await {
                Some(result) => tally.count(&expected, text(result)),
                None => {
                    tally.dropped.fetch_add(1, Ordering::Relaxed);
                }
            },
            2 => {
                let limit = Duration::from_micros(random.below(100));
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
                read_parts(&pipeline, &token, &mut random, &tally).await;
            }
            5 if random.below(4) == 0 => {
                drop(operation);
                upload(&pipeline, &token, &mut random, &tally).await;
            }
            _ => tally.count(&expected, text(operation.await)),
        }
    }
    TIMES * REQUESTS / CALLERS
}

/// Kills the server now and then, until it is told to stop.
fn killer(server: &Server, tally: &Tally, is_over: &AtomicBool) {
    let mut random = Random::new(99);
    let mut answered = 0;
    let is_over = || is_over.load(Ordering::SeqCst);
    while !is_over() {
        thread::sleep(Duration::from_millis(5 + random.below(30)));
        // Mostly after somebody has been answered, however slow the machine is.
        let is_sudden = random.below(4) == 0;
        while tally.answered.load(Ordering::Relaxed) == answered && !is_sudden && !is_over() {
            thread::sleep(Duration::from_millis(1));
        }
        answered = tally.answered.load(Ordering::Relaxed);
        if random.below(3) == 0 {
            server.kill();
            thread::sleep(Duration::from_millis(random.below(5)));
            server.restart();
        } else {
            server.cut();
        }
    }
}

/// Has all callers at it, on several threads.
fn run<const NUMBERS: usize>(kills: bool, parts: usize) -> Arc<Tally> {
    let server = Server::start();
    let mut lines = Lines::<NUMBERS>::new(server.address);
    lines.limits.parts = parts;
    lines.limits.unanswered = 40;
    lines.limits.silence = Some(Duration::from_secs(20));
    let pipeline = Pipeline::new(&SystemExecutor, lines);
    let (token, tally) = (Token::default(), Arc::new(Tally::default()));
    let looked_at = Arc::new(pipeline.clone());
    token.look_at(&looked_at);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .unwrap();
    let is_over = AtomicBool::new(false);
    let mut asked = 0;
    thread::scope(|scope| {
        if kills {
            scope.spawn(|| killer(&server, &tally, &is_over));
        }
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (pipeline, token) = (pipeline.clone(), token.clone());
                runtime.spawn(give_up(pipeline, token, tally.clone(), caller))
            })
            .collect();
        for caller in callers {
            asked += runtime.block_on(caller).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(tally.total() as u64, asked);
    // Those who have given up leave their places until they are answered, and no longer.
    // What reads may have something in its hands; nobody reads while nobody waits.
    for _ in 0..1000 {
        if kills {
            pipeline.close();
        } else {
            let last = Request(Ask::Echo("last".into()), Token::default());
            assert_eq!(pipeline.request(last).blocking().unwrap().0, "last");
        }
        if token.count() == 1 {
            break;
        }
        thread::yield_now();
    }
    assert_eq!(token.count(), 1);
    assert_eq!(server.misnumbered(), 0);
    tally
}

#[test]
fn nobody_receives_the_reply_of_another() {
    without_hanging(|| {
        let tally = run::<0>(false, 1000);
        tally.nobody_fails();
    });
}

#[test]
fn while_the_server_is_killed() {
    without_hanging(|| {
        let tally = run::<0>(true, 1000);
        tally.some_fail();
    });
}

/// The same where each request has the number that it has on its connection.
#[test]
fn nobody_receives_the_reply_of_another_by_number() {
    without_hanging(|| {
        let tally = run::<1>(false, 1000);
        tally.nobody_fails();
    });
}

#[test]
fn while_the_server_is_killed_by_number() {
    without_hanging(|| {
        let tally = run::<1>(true, 1000);
        tally.some_fail();
    });
}

/// With callbacks, on threads that run the context; some of them panic.
#[test]
fn handlers_that_panic() {
    panics::<0>();
}

#[test]
fn handlers_that_panic_by_number() {
    panics::<1>();
}

fn panics<const NUMBERS: usize>() {
    without_hanging(|| {
        let server = Server::start();
        let context = IoContext::new().unwrap();
        let token = Token::default();
        let pipeline = Pipeline::new(&context, Lines::<NUMBERS>::new(server.address));
        let tally = Arc::new(Tally::default());
        let callers = AtomicUsize::new(THREADS);
        let (planned, panics) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (is_over, is_asked) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| killer(&server, &tally, &is_over));
            for _ in 0..THREADS / 2 {
                scope.spawn(|| {
                    while callers.load(Ordering::SeqCst) > 0
                        || tally.total() < is_asked.load(Ordering::SeqCst)
                    {
                        let run = || context.run_for(Duration::from_millis(5));
                        if catch_unwind(AssertUnwindSafe(run)).is_err() {
                            panics.fetch_add(1, Ordering::SeqCst);
                        }
                        if context.stopped() {
                            thread::yield_now();
                            context.restart();
                        }
                    }
                    is_over.store(true, Ordering::SeqCst);
                });
            }
            for caller in 0..THREADS as u64 {
                let (pipeline, token, tally) = (pipeline.clone(), token.clone(), tally.clone());
                let (callers, is_asked, planned) = (&callers, &is_asked, &planned);
                scope.spawn(move || {
                    let mut random = Random::new(1000 + caller);
                    let signals = Mutex::new(Vec::new());
                    for n in 0..TIMES * REQUESTS / THREADS as u64 {
                        if n >= REQUESTS / THREADS as u64 && tally.has_enough() {
                            break;
                        }
                        let (ask, expected) = request(&mut random, &format!("{caller}: {n}"));
                        let operation = pipeline.request(Request(ask, token.clone()));
                        let counted = tally.clone();
                        let panics = random.below(50) == 0;
                        planned.fetch_add(panics.into(), Ordering::SeqCst);
                        let handler = move |result: io::Result<Reply>| {
                            counted.count(&expected, result.map(|reply| reply.0));
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
                                signals.lock().unwrap().push(signal);
                            }
                            _ => operation.callback(handler),
                        }
                        if random.below(3) == 0
                            && let Some(signal) = signals.lock().unwrap().pop()
                        {
                            signal.emit(CancellationType::TERMINAL);
                        }
                        is_asked.fetch_add(1, Ordering::SeqCst);
                        // No more than so many at once.
                        while is_asked.load(Ordering::SeqCst) > tally.total() + CALLERS as usize {
                            thread::yield_now();
                        }
                    }
                    callers.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        tally.is_plausible();
        assert_eq!(tally.total(), is_asked.into_inner());
        let planned = planned.into_inner();
        assert!(planned > 0);
        assert_eq!(panics.into_inner(), planned);
        pipeline.close();
        context.restart();
        while catch_unwind(AssertUnwindSafe(|| context.run())).is_err() {}
        drop((pipeline, context));
        assert_eq!((token.count(), server.misnumbered()), (1, 0));
    });
}
