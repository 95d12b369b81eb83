//! The example's client of Redis against a real server: the same suite, for
//! every token.

#[path = "../../runtime/examples/redis/client/mod.rs"]
mod client;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use async_op::cancel::{CancellationSignal, CancellationType, OperationError};
use async_op::{
    Blocking, Initiation, IoContext, IoExecutor, Operation, SystemExecutor, UseFuture,
    bind_cancellation_slot, cancel_after,
};
use async_op_tests::redis::RedisServer;
use async_op_tests::without_hanging;

use client::{Client, Config, Error, Message, Result, Value};

/// A way to wait for a result.
trait Caller {
    /// Where the operations run.
    fn executor(&self) -> IoExecutor;

    /// Waits for all of `operations`, which are under way at the same time.
    fn all<R, I>(&self, operations: Vec<Operation<fn(R), I>>) -> Vec<R>
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static;

    fn call<R, I>(&self, operation: Operation<fn(R), I>) -> R
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        self.all(vec![operation]).pop().unwrap()
    }
}

/// A closure, called by a context that this thread runs until nothing is left.
struct Closure(IoContext);

impl Caller for Closure {
    fn executor(&self) -> IoExecutor {
        self.0.executor()
    }

    fn all<R, I>(&self, operations: Vec<Operation<fn(R), I>>) -> Vec<R>
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        let (sender, receiver) = channel();
        for operation in operations {
            let sender = sender.clone();
            operation.with(move |result: R| sender.send(result).unwrap());
        }
        drop(sender);
        self.0.restart();
        self.0.run();
        receiver.iter().collect()
    }
}

/// The same, where the closure's parameter is inferred.
struct DeferredCallback(IoContext);

impl Caller for DeferredCallback {
    fn executor(&self) -> IoExecutor {
        self.0.executor()
    }

    fn all<R, I>(&self, operations: Vec<Operation<fn(R), I>>) -> Vec<R>
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        let (sender, receiver) = channel();
        for operation in operations {
            let sender = sender.clone();
            operation.callback(move |result| sender.send(result).unwrap());
        }
        drop(sender);
        self.0.restart();
        self.0.run();
        receiver.iter().collect()
    }
}

/// This thread drives the I/O.
struct BlockingCalls(IoContext);

impl Caller for BlockingCalls {
    fn executor(&self) -> IoExecutor {
        self.0.executor()
    }

    fn all<R, I>(&self, operations: Vec<Operation<fn(R), I>>) -> Vec<R>
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        let operations = operations.into_iter();
        operations
            .map(|operation| operation.with(Blocking))
            .collect()
    }
}

/// Futures, on somebody else's runtime.
macro_rules! futures {
    ($name:ident, |$future:ident, $this:ident| $block_on:expr, |$task:ident, $it:ident| $spawn:expr) => {
        impl Caller for $name {
            fn executor(&self) -> IoExecutor {
                *SystemExecutor
            }

            fn all<R, I>(&self, operations: Vec<Operation<fn(R), I>>) -> Vec<R>
            where
                R: Send + 'static,
                I: Initiation<fn(R)> + 'static,
            {
                let $this = self;
                let spawn = |$task| {
                    let $it = self;
                    $spawn
                };
                let $future = async {
                    let futures = operations.into_iter().map(|it| it.with(UseFuture));
                    let tasks: Vec<_> = futures.map(spawn).collect();
                    let mut results = Vec::new();
                    for task in tasks {
                        results.push(task.await);
                    }
                    results
                };
                $block_on
            }
        }
    };
}

struct Pollster;
futures!(
    Pollster,
    |future, _this| pollster::block_on(future),
    |task, _it| task
);

struct Smol;
futures!(Smol, |future, _this| smol::block_on(future), |task, _it| {
    smol::spawn(task)
});

struct Tokio(tokio::runtime::Runtime);
futures!(Tokio, |future, this| this.0.block_on(future), |task, it| {
    let task = it.0.spawn(task);
    async { task.await.unwrap() }
});

impl Tokio {
    fn current_thread() -> Self {
        Self(
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        )
    }

    fn multi_thread() -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        Self(builder.worker_threads(2).build().unwrap())
    }
}

/// What every caller can do.
fn suite(caller: &impl Caller, config: Config) {
    let client = Client::new(&caller.executor(), config.clone());
    caller.call(client.request(command!["FLUSHALL"])).unwrap();

    // Strings and numbers.
    caller.call(client.ping()).unwrap();
    assert_eq!(caller.call(client.get("key")).unwrap(), None);
    caller.call(client.set("key", b"value\r\n\0\xff")).unwrap();
    assert_eq!(
        caller.call(client.get("key")).unwrap().unwrap(),
        b"value\r\n\0\xff"
    );
    caller.call(client.set("key", b"")).unwrap();
    assert_eq!(caller.call(client.get("key")).unwrap().unwrap(), b"");
    assert_eq!(caller.call(client.incr("n")).unwrap(), 1);
    assert_eq!(caller.call(client.incr("n")).unwrap(), 2);
    assert_eq!(caller.call(client.del(&["key", "n", "none"])).unwrap(), 2);

    // What the server refuses, and what it answers unexpectedly.
    caller.call(client.set("word", b"word")).unwrap();
    let Err(Error::Server(message)) = caller.call(client.incr("word")) else {
        panic!("a word has been incremented")
    };
    assert!(
        message.starts_with("ERR value is not an integer"),
        "{message}"
    );
    let length = client.request(command!["STRLEN", "word"]);
    assert!(matches!(
        caller.call(length.map(|reply| reply?.bytes())),
        Err(Error::Unexpected("a string"))
    ));

    // Lists and hashes.
    for (n, word) in [b"a", b"b", b"c"].into_iter().enumerate() {
        assert_eq!(
            caller.call(client.rpush("list", word)).unwrap(),
            n as i64 + 1
        );
    }
    assert_eq!(caller.call(client.lpop("list")).unwrap().unwrap(), b"a");
    assert_eq!(
        caller.call(client.lrange("list", 0, -1)).unwrap(),
        [b"b", b"c"]
    );
    assert_eq!(caller.call(client.lrange("none", 0, -1)).unwrap(), [b""; 0]);
    assert!(caller.call(client.hset("hash", "field", b"1")).unwrap());
    assert!(!caller.call(client.hset("hash", "field", b"2")).unwrap());
    assert_eq!(
        caller.call(client.hget("hash", "field")).unwrap().unwrap(),
        b"2"
    );
    let all = caller.call(client.hgetall("hash")).unwrap();
    assert_eq!(all, [(b"field".to_vec(), b"2".to_vec())]);

    // All or nothing.
    let commands = [
        command!["SET", "t", "1"],
        command!["INCR", "t"],
        command!["LPOP", "t"],
    ];
    let replies = caller.call(client.transaction(&commands)).unwrap();
    let replies = replies.expect("no key is watched");
    assert_eq!(replies[..2], [Value::Ok, Value::Integer(2)]);
    assert!(matches!(&replies[2], Value::Error(message) if message.starts_with("WRONGTYPE")));
    let commands = [command!["SET", "t", "7"], command!["NONSENSE"]];
    let Err(Error::Server(message)) = caller.call(client.transaction(&commands)) else {
        panic!("half a transaction")
    };
    assert!(message.starts_with("ERR unknown command"), "{message}");
    assert_eq!(caller.call(client.get("t")).unwrap().unwrap(), b"2");

    // Several at once, each with its reply.
    let commands = [
        command!["ECHO", "1"],
        command!["LPOP", "t"],
        command!["INCR", "t"],
    ];
    let replies = caller.call(client.pipeline(&commands)).unwrap();
    assert_eq!(replies[0], Value::Bytes(b"1".to_vec()));
    assert!(matches!(&replies[1], Value::Error(message) if message.starts_with("WRONGTYPE")));
    assert_eq!(replies[2..], [Value::Integer(3)]);
    assert_eq!(caller.call(client.pipeline(&[])).unwrap(), []);
    caller.call(client.set("t", b"2")).unwrap();

    // A pipeline: each its own reply.
    let echoes = (0..200).map(|n| {
        let text = format!("text {n}");
        let echo = client.request(command!["ECHO", text.as_str()]);
        echo.map(move |reply| assert_eq!(reply.unwrap().bytes().unwrap().unwrap(), text.as_bytes()))
    });
    assert_eq!(caller.all(echoes.collect()).len(), 200);
    // Large ones, both ways.
    let large: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(n) >> 7) as u8)
        .collect();
    caller.call(client.set("large", &large)).unwrap();
    let echoes = caller.all(vec![client.get("large"), client.get("large")]);
    for echo in echoes {
        assert!(echo.unwrap().unwrap() == large);
    }

    // Limits on time.
    let start = Instant::now();
    let slow = client.request(command!["BLPOP", "none", "0.2"]);
    let slow = slow.cancel_after(Duration::from_millis(20));
    assert!(caller.call(slow).unwrap_err().is_timeout());
    // The connection has been kept; the reply that came too late was its own.
    assert_eq!(caller.call(client.get("t")).unwrap().unwrap(), b"2");
    assert!(start.elapsed() >= Duration::from_millis(200));

    // Messages.
    let listener = Client::new(&caller.executor(), config);
    assert!(caller.call(listener.next_message()).is_err(), "of what?");
    caller.call(listener.subscribe("news")).unwrap();
    caller.call(listener.psubscribe("weather.*")).unwrap();
    assert_eq!(caller.call(client.publish("news", b"one")).unwrap(), 1);
    assert_eq!(
        caller
            .call(client.publish("weather.here", b"rain"))
            .unwrap(),
        1
    );
    let message = |channel: &str, payload: &str| Message {
        channel: channel.into(),
        payload: payload.into(),
    };
    assert_eq!(
        caller.call(listener.next_message()).unwrap(),
        message("news", "one")
    );
    assert_eq!(
        caller.call(listener.next_message()).unwrap(),
        message("weather.here", "rain")
    );
    let none = listener
        .next_message()
        .cancel_after(Duration::from_millis(5));
    assert!(caller.call(none).unwrap_err().is_timeout());
    caller.call(client.publish("news", b"two")).unwrap();
    assert_eq!(
        caller.call(listener.next_message()).unwrap(),
        message("news", "two")
    );
    caller.call(listener.unsubscribe("news")).unwrap();
    assert_eq!(caller.call(client.publish("news", b"three")).unwrap(), 0);

    // Another connection after the server has closed this one.
    let id = |reply: Result<Value>| reply.and_then(Value::integer);
    let before = caller
        .call(client.request(command!["CLIENT", "ID"]).map(id))
        .unwrap();
    let kill = client.request(command!["CLIENT", "KILL", "ID", before, "SKIPME", "no"]);
    caller.call(kill).unwrap();
    assert!(
        caller.call(client.ping()).is_err(),
        "the connection was closed"
    );
    let after = caller
        .call(client.request(command!["CLIENT", "ID"]).map(id))
        .unwrap();
    assert_ne!(before, after);
}

fn run(caller: impl Caller + Send + 'static) {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        suite(&caller, Config::new(server.address));
        let mut config = Config::new(server.socket());
        config.resp3 = true;
        config.database = 3;
        suite(&caller, config);
    });
}

#[test]
fn closures() {
    run(Closure(IoContext::new().unwrap()));
}

#[test]
fn deferred_operations_with_callbacks() {
    run(DeferredCallback(IoContext::new().unwrap()));
}

#[test]
fn blocking_calls() {
    run(BlockingCalls(IoContext::new().unwrap()));
}

#[test]
fn futures_on_pollster() {
    run(Pollster);
}

#[test]
fn futures_on_smol() {
    run(Smol);
}

#[test]
fn futures_on_tokio_with_one_thread() {
    run(Tokio::current_thread());
}

#[test]
fn futures_on_tokio_with_several_threads() {
    run(Tokio::multi_thread());
}

/// Callbacks on this thread, and no other: from as many connections.
#[test]
fn sixty_four_connections_from_one_thread() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    fn next(client: Client, left: u32) {
        let thread = std::thread::current().id();
        client.clone().incr("n").callback(move |n| {
            assert!(n.unwrap() > 0);
            assert_eq!(std::thread::current().id(), thread);
            if left > 1 {
                next(client, left - 1);
            }
        });
    }
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = || Client::new(&context, Config::new(server.address));
        let clients: Vec<_> = (0..64).map(|_| client()).collect();
        for client in &clients {
            next(client.clone(), 50);
        }
        context.run();
        assert_eq!(clients[0].get("n").blocking().unwrap().unwrap(), b"3200");
        let list = clients[0].request(command!["CLIENT", "LIST"]).blocking();
        let list = list.unwrap().bytes().unwrap().unwrap();
        assert_eq!(list.iter().filter(|&&byte| byte == b'\n').count(), 64);
    });
}

/// The program that panics where a synchronous client hides a runtime.
#[test]
fn blocking_calls_inside_of_a_runtime() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        Tokio::multi_thread().0.block_on(async {
            let context = IoContext::new().unwrap();
            let client = Client::new(&context, Config::new(server.address));
            client.set("key", b"value").blocking().unwrap();
            assert_eq!(client.get("key").blocking().unwrap().unwrap(), b"value");
        });
    });
}

#[test]
fn passwords() {
    let Some(server) = RedisServer::with(&["--requirepass", "sesame"]) else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        for resp3 in [false, true] {
            let mut config = Config::new(server.address);
            config.resp3 = resp3;
            let client = Client::new(&context, config.clone());
            assert!(matches!(client.ping().blocking(), Err(Error::Server(_))));
            config.password = Some("barley".into());
            let client = Client::new(&context, config.clone());
            let Err(Error::Server(message)) = client.ping().blocking() else {
                panic!("a wrong password")
            };
            assert!(message.starts_with("WRONGPASS"), "{message}");
            config.password = Some("sesame".into());
            Client::new(&context, config.clone())
                .ping()
                .blocking()
                .unwrap();
            config.user = Some("default".into());
            Client::new(&context, config).ping().blocking().unwrap();
        }
    });
}

/// `run` returns when nobody waits, though the server owes replies.
#[test]
fn a_context_that_nobody_waits_for_is_done() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(server.address));
        client.ping().blocking().unwrap();
        let signal = CancellationSignal::new();
        let token = bind_cancellation_slot(signal.slot(), |result: Result<Value>| {
            assert!(result.unwrap_err().is_cancelled());
        });
        client.async_request(command!["BLPOP", "none", "1"], token);
        let limit = Duration::from_millis(10);
        client.async_request(
            command!["BLPOP", "none", "1"],
            cancel_after(limit, |result: Result<Value>| {
                assert!(result.unwrap_err().is_timeout());
            }),
        );
        signal.emit(CancellationType::TERMINAL);
        let start = Instant::now();
        context.run();
        assert!(start.elapsed() < Duration::from_millis(900));
        // Their replies are thrown away when they come.
        client.ping().blocking().unwrap();
        assert!(start.elapsed() > Duration::from_secs(1));
    });
}

/// A panic unwinds out of `run`, and the connection goes on.
#[test]
fn a_callback_that_panics() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(server.address));
        let id = client.request(command!["CLIENT", "ID"]).blocking().unwrap();
        let (sender, receiver) = channel();
        for n in 0..10 {
            let (client, sender) = (client.clone(), sender.clone());
            client.clone().incr("n").callback(move |reply| {
                sender.send(reply.unwrap()).unwrap();
                client.ping().callback(|result| result.unwrap());
                assert_ne!(n, 4, "on purpose");
            });
        }
        context.restart();
        assert!(async_op_tests::panic_of(|| context.run()).contains("on purpose"));
        context.run();
        assert!(receiver.try_iter().eq(1..=10));
        context.restart();
        let after = client.request(command!["CLIENT", "ID"]).blocking().unwrap();
        assert_eq!(id, after);
    });
}
