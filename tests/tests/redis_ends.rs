//! The Redis client where a connection, a context, a handler or the patience of a
//! caller ends at a bad moment: nobody waits for ever, and nobody is told what he has
//! not earned.

#[path = "../../runtime/examples/redis/client/mod.rs"]
mod client;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType, OperationError};
use async_op::io::{read_exact, write_all};
use async_op::net::AnyStream;
use async_op::task::Task;
use async_op::test::{Script, TestContext, dial, pair};
use async_op::token::UsePromise;
use async_op::{Executor, IoContext, SystemExecutor, bind_cancellation_slot, spawn};
use async_op_tests::redis::RedisServer;
use async_op_tests::{panic_of, without_hanging};

use client::{Address, Client, Command, Config, Error, Result, Value};

/// A port on which connections are accepted by the system alone: nothing is read.
fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// One whose greeting has an answer.
fn greeted(address: SocketAddr) -> Config {
    let mut config = Config::new(address);
    config.password = Some("sesame".into());
    config
}

/// Answers each command with `+OK`.
fn answer_all(mut stream: TcpStream) {
    let mut buffer = [0; 1000];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        let commands = buffer[..n].iter().filter(|&&byte| byte == b'*').count();
        if stream.write_all(&b"+OK\r\n".repeat(commands)).is_err() {
            return;
        }
    }
}

/// Awaits a request on another thread.
fn awaited(client: &Client, command: Command) -> JoinHandle<Result<Value>> {
    let client = client.clone();
    thread::spawn(move || pollster::block_on(client.request(command)))
}

fn kind_of(error: &Error) -> Option<io::ErrorKind> {
    error.as_io().map(io::Error::kind)
}

/// The context goes while the client waits for the answer to its greeting.
#[test]
fn the_context_goes_while_it_connects() {
    without_hanging(|| {
        let (address, _listener) = silent();
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, greeted(address));
        let waiting = awaited(&client, command!["PING"]);
        context.run_for(Duration::from_millis(100));
        drop(context);
        let error = waiting.join().unwrap().unwrap_err();
        assert!(
            error.to_string().to_lowercase().contains("context"),
            "{error}"
        );
        assert!(pollster::block_on(client.ping()).is_err());
    });
}

/// A handler panics, and the context that ran it is on the stack that unwinds.
#[test]
fn the_context_goes_by_a_panic() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let (sender, receiver) = channel();
        let owner = thread::spawn(move || {
            let context = IoContext::new().unwrap();
            let client = Client::new(&context, Config::new(server.address));
            client.ping().callback(|_| panic!("on purpose"));
            let other = awaited(&client, command!["BLPOP", "none", "9"]);
            sender.send((client, other)).unwrap();
            thread::sleep(Duration::from_millis(100));
            context.run();
        });
        let (client, other) = receiver.recv().unwrap();
        assert!(owner.join().is_err());
        assert!(other.join().unwrap().is_err());
        assert!(pollster::block_on(client.ping()).is_err());
    });
}

/// A handler that panics on hearing of a lost connection keeps nobody else from it.
#[test]
fn a_handler_that_panics_when_the_connection_is_lost() {
    without_hanging(|| {
        let (address, listener) = silent();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
        });
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(address));
        let called = Arc::new(AtomicUsize::new(0));
        for n in 0..10 {
            let called = called.clone();
            client.ping().callback(move |result| {
                assert!(result.is_err());
                called.fetch_add(1, Ordering::Relaxed);
                assert!(n % 4 != 2, "on purpose");
            });
        }
        for _ in 0..2 {
            assert!(panic_of(|| context.run()).contains("on purpose"));
        }
        context.run();
        assert_eq!(called.load(Ordering::Relaxed), 10);
    });
}

/// What goes on after a panic is the connection, not a new one.
#[test]
fn closed_after_a_panic() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(server.address));
        client.ping().callback(|_| panic!("on purpose"));
        assert!(panic_of(|| context.run()).contains("on purpose"));
        client.close();
        context.restart();
        context.run();
        assert!(!client.is_connected());
    });
}

/// Closed on the context's own thread while it connects, by way of a handler that asks
/// again at once: the first connection is given up, the second is made.
#[test]
fn closed_while_it_connects_and_asked_again() {
    without_hanging(|| {
        let (address, listener) = silent();
        let first = thread::spawn(move || {
            let (mut first, _) = listener.accept().unwrap();
            let (second, _) = listener.accept().unwrap();
            // It ends while the second one lives.
            first.read_to_end(&mut Vec::new()).unwrap();
            answer_all(second);
        });
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, greeted(address));
        let again = client.clone();
        let (sender, receiver) = channel();
        client.ping().callback(move |result| {
            assert!(result.unwrap_err().is_cancelled());
            again
                .ping()
                .callback(move |result| sender.send(result).unwrap());
        });
        context.run_for(Duration::from_millis(50));
        let closing = client.clone();
        context.post(Task::new(move || closing.close()));
        context.restart();
        context.run();
        receiver.try_recv().unwrap().unwrap();
        client.close();
        context.restart();
        context.run();
        drop(client);
        first.join().unwrap();
    });
}

/// No handler runs within a call that cancels or closes, also where that is called by
/// a handler: so a chain of them takes no stack, and a lock that is held is not taken
/// twice.
#[test]
fn cancelled_by_a_handler() {
    const LENGTH: usize = 30_000;

    fn cancel_next(signals: Arc<Vec<CancellationSignal>>, n: usize, client: Client) {
        thread_local!(static DEPTH: AtomicUsize = const { AtomicUsize::new(0) });
        DEPTH.with(|depth| {
            assert_eq!(depth.fetch_add(1, Ordering::Relaxed), 0);
            match signals.get(n) {
                Some(signal) => signal.emit(CancellationType::TERMINAL),
                None => client.close(),
            }
            depth.fetch_sub(1, Ordering::Relaxed);
        });
    }

    without_hanging(|| {
        let (address, _listener) = silent();
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(address));
        let signals = (0..LENGTH).map(|_| CancellationSignal::new());
        let signals = Arc::new(signals.collect::<Vec<_>>());
        let called = Arc::new(AtomicUsize::new(0));
        for n in 0..LENGTH {
            let (client, signals) = (client.clone(), signals.clone());
            let called = called.clone();
            let slot = signals[n].slot();
            let handler = {
                let client = client.clone();
                move |result: Result<Value>| {
                    assert!(result.unwrap_err().is_cancelled());
                    called.fetch_add(1, Ordering::Relaxed);
                    cancel_next(signals, n + 1, client);
                }
            };
            client.async_request(command!["PING"], bind_cancellation_slot(slot, handler));
        }
        for _ in 0..2 {
            let called = called.clone();
            client.ping().callback(move |result| {
                assert!(result.unwrap_err().is_cancelled());
                called.fetch_add(1, Ordering::Relaxed);
            });
        }
        let signals = signals.clone();
        context.post(Task::new(move || {
            signals[0].emit(CancellationType::TERMINAL);
        }));
        context.run();
        assert_eq!(called.load(Ordering::Relaxed), LENGTH + 2);
    });
}

/// The one whose request made the client connect gives up, just when somebody else
/// comes, who has not.
#[test]
fn nobody_is_cancelled_with_another() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let mut config = Config::new(server.address);
        config.database = 1;
        for round in 0..3000 {
            let client = Client::new(&SystemExecutor, config.clone());
            let signal = CancellationSignal::new();
            let first = bind_cancellation_slot(signal.slot(), |_: Result<Value>| {});
            client.async_request(command!["PING"], first);
            thread::scope(|scope| {
                let second = scope.spawn(|| {
                    (0..round % 200).for_each(|_| std::hint::spin_loop());
                    pollster::block_on(client.ping())
                });
                (0..20 * (round % 317)).for_each(|_| std::hint::spin_loop());
                signal.emit(CancellationType::TERMINAL);
                second.join().unwrap().unwrap();
            });
            client.close();
        }
    });
}

/// `run` returns when nobody waits, though the server takes nothing; when it does, all
/// goes on in order.
#[test]
fn a_write_that_is_stuck() {
    let context = TestContext::new();
    let (ours, theirs) = pair(&context);
    let client = over(&context, dial([AnyStream::new(ours)]));
    let large = vec![b'x'; 3_000_000];
    let set = client.set("key", &large).cancel_after(LIMIT);
    set.callback(|result| assert!(result.unwrap_err().is_timeout()));
    context.run();
    assert_eq!(context.elapsed(), LIMIT);
    let server = async move {
        let head = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$3000000\r\n\r\n".len();
        read_exact(&theirs, vec![0; head + 3_000_000]).await.0?;
        write_all(&theirs, "+OK\r\n").await?;
        read_exact(&theirs, &mut [0; 14]).await?;
        write_all(&theirs, "+PONG\r\n").await
    };
    spawn(&context, server, |result: io::Result<()>| result.unwrap());
    client.ping().blocking().unwrap();
}

/// What nobody waits for any more, and no server takes, is not kept for ever.
#[test]
fn requests_that_time_out_do_not_pile_up() {
    let context = TestContext::new();
    let streams = [(); 40].map(|()| AnyStream::new(Script::new().stall().on(&context)));
    let (next, dialled) = (dial(streams), Arc::new(AtomicUsize::new(0)));
    let count = dialled.clone();
    let client = over(&context, move || {
        count.fetch_add(1, Ordering::Relaxed);
        next()
    });
    let large = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        let set = client.set("key", &large).cancel_after(LIMIT);
        assert!(set.blocking().unwrap_err().is_timeout());
    }
    assert_eq!(context.elapsed(), 40 * LIMIT);
    // It was given up several times, and made again.
    assert!(
        (3..40).contains(&dialled.load(Ordering::Relaxed)),
        "{dialled:?}"
    );
}

const LIMIT: Duration = Duration::from_secs(50);

/// A client of the connections that `dial` makes.
fn over(
    context: &TestContext,
    dial: impl Fn() -> io::Result<AnyStream> + Send + Sync + 'static,
) -> Client {
    let mut config = Config::new(Address::Tcp(Vec::new()));
    config.dial = Some(Arc::new(dial));
    Client::new(context, config)
}

/// So many messages that nobody asks for are not kept either.
#[test]
fn messages_that_nobody_asks_for() {
    without_hanging(|| {
        let (address, listener) = silent();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let confirmation = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
            stream.write_all(confirmation).unwrap();
            let message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n".repeat(1000);
            while stream.write_all(&message).is_ok() {}
        });
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(address));
        client.subscribe("c").blocking().unwrap();
        // Its reply never comes: there are but messages.
        let error = client.request(command!["GET", "key"]).blocking();
        assert!(matches!(error, Err(Error::Protocol(text)) if text.contains("messages")));
    });
}

/// What comes together with the answer to the greeting is not lost.
#[test]
fn a_reply_that_comes_with_the_greeting() {
    without_hanging(|| {
        let (address, listener) = silent();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
            stream.write_all(b"+OK\r\n>2\r\n$10\r\ninvali").unwrap();
            let _ = stream.read(&mut [0; 1000]);
            stream.write_all(b"date\r\n_\r\n+PONG\r\n").unwrap();
            let _ = stream.read(&mut [0; 1000]);
        });
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, greeted(address));
        let reply = client.request(command!["PING"]).blocking().unwrap();
        assert_eq!(reply, Value::Status("PONG".into()));
    });
}

/// Where no message can come, nobody waits for one.
#[test]
fn a_subscription_that_is_refused_or_ends() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        for resp3 in [false, true] {
            let context = IoContext::new().unwrap();
            let mut config = Config::new(server.address);
            config.resp3 = resp3;
            let client = Client::new(&context, config);
            let over = |error: Error| kind_of(&error) == Some(io::ErrorKind::NotConnected);
            let acl = command!["ACL", "SETUSER", "default", "resetchannels", "&a*"];
            client.request(acl).blocking().unwrap();
            let refused = client.async_subscribe("b", UsePromise);
            let message = client.async_next_message(UsePromise);
            assert!(matches!(refused.wait().blocking(), Err(Error::Server(_))));
            assert!(over(message.wait().blocking().unwrap_err()));
            client.subscribe("a").blocking().unwrap();
            client.subscribe("ab").blocking().unwrap();
            client.unsubscribe("a").blocking().unwrap();
            let message = client.async_next_message(UsePromise);
            client.unsubscribe("ab").blocking().unwrap();
            assert!(over(message.wait().blocking().unwrap_err()));
            assert!(over(client.next_message().blocking().unwrap_err()));
            // An array like that of a message is a reply again.
            let list = command!["EVAL", "return {'message', 'a', 'b'}", "0"];
            let reply = client.request(list).blocking().unwrap();
            assert_eq!(reply.list().unwrap(), [&b"message"[..], b"a", b"b"]);
        }
    });
}

/// Commands with several replies, or with none, do not make a mess of the others'.
#[test]
fn commands_without_exactly_one_reply() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        for resp3 in [false, true] {
            let context = IoContext::new().unwrap();
            let mut config = Config::new(server.address);
            config.resp3 = resp3;
            let client = Client::new(&context, config);
            let id = client.request(command!["CLIENT", "ID"]).blocking().unwrap();
            for refused in [
                command!["MONITOR"],
                command!["psync", "?", "-1"],
                command!["Client", "Reply", "OFF"],
                command!["script", "debug", "yes"],
                command!["UNSUBSCRIBE"],
                command!["REPLCONF", "ACK", "0"],
                command!["hello", "2"],
                command!["RESET"],
                command!["SUBSCRIBE", "x", "y"],
            ] {
                let batch = [command!["PING"], refused];
                let [_, refused] = &batch;
                let alone = client.request(command!["PING"].and(refused));
                let error = alone.blocking().unwrap_err();
                assert_eq!(kind_of(&error), Some(io::ErrorKind::InvalidInput));
                assert!(client.pipeline(&batch).blocking().is_err());
            }
            let subscribe = [command!["SUBSCRIBE", "x"]];
            assert!(client.transaction(&subscribe).blocking().is_err());
            // A confirmation for each.
            let several = client.async_request(command!["subscribe", "x", "y", "z"], UsePromise);
            let ping = client.async_request(command!["PING"], UsePromise);
            let none = client.async_request(command!["UNSUBSCRIBE", "z", "x", "y"], UsePromise);
            assert_eq!(several.wait().blocking().unwrap().array().unwrap().len(), 3);
            let pong = ping.wait().blocking().unwrap();
            assert!(resp3 == (pong == Value::Status("PONG".into())), "{pong:?}");
            none.wait().blocking().unwrap();
            let same = client.request(command!["CLIENT", "ID"]).blocking().unwrap();
            assert_eq!(id, same);
        }
    });
}

/// What a transaction would do to subscriptions nobody could tell from replies: the connection
/// ends before it is carried out.
#[test]
fn subscriptions_in_a_transaction() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        for resp3 in [false, true] {
            let context = IoContext::new().unwrap();
            let mut config = Config::new(server.address);
            config.resp3 = resp3;
            let client = Client::new(&context, config);
            client.request(command!["MULTI"]).blocking().unwrap();
            let subscribes = client.async_subscribe("a", UsePromise);
            let executes = client.async_request(command!["EXEC"], UsePromise);
            for error in [
                subscribes.wait().blocking().unwrap_err(),
                executes.wait().blocking().unwrap_err(),
            ] {
                assert_eq!(kind_of(&error), Some(io::ErrorKind::InvalidInput));
            }
            client.ping().blocking().unwrap();
            assert_eq!(client.publish("a", b"x").blocking().unwrap(), 0);
        }
    });
}

/// What the server refuses as a whole has one reply, however many it would have had.
#[test]
fn commands_that_are_refused_as_a_whole() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let admin = Client::new(&context, Config::new(server.address));
        let rules = ["resetchannels", "&a*", "-multi"];
        let user = Command::new("ACL").args(["SETUSER", "eve", "on", "nopass", "~*", "+@all"]);
        admin.request(user.args(rules)).blocking().unwrap();
        for resp3 in [false, true] {
            let mut config = Config::new(server.address);
            config.user = Some("eve".into());
            config.resp3 = resp3;
            let client = Client::new(&context, config);
            let subscribe = client.async_request(command!["SUBSCRIBE", "a", "b"], UsePromise);
            let echoes = ["one", "two", "three"];
            let echoes =
                echoes.map(|it| (it, client.async_request(command!["ECHO", it], UsePromise)));
            let error = subscribe.wait().blocking().unwrap_err().to_string();
            assert!(error.contains("NOPERM"), "{error}");
            for (text, echo) in echoes {
                let reply = echo.wait().blocking().unwrap();
                assert_eq!(reply, Value::Bytes(text.into()));
            }
            // Each would have been carried out by itself: that is said.
            let error = client.transaction(&[command!["PING"]]).blocking();
            let error = error.unwrap_err().to_string();
            assert!(error.contains("multi"), "{error}");
        }
        let nested = admin.transaction(&[command!["MULTI"], command!["PING"]]);
        assert!(nested.blocking().is_err());
    });
}

/// What nobody has asked for is nobody's reply: a server may end a subscription itself.
#[test]
fn a_subscription_that_the_server_ends() {
    without_hanging(|| {
        let (address, listener) = silent();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
            stream.write_all(b"%0\r\n").unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let push = b">3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n$1\r\nv\r\n";
            stream.write_all(push).unwrap();
            let _ = stream.read(&mut [0; 1000]);
        });
        let context = IoContext::new().unwrap();
        let mut config = Config::new(address);
        config.resp3 = true;
        let client = Client::new(&context, config);
        assert_eq!(client.get("k").blocking().unwrap(), Some(b"v".into()));
    });
}

/// The number of arguments is counted, not told.
#[test]
fn commands_of_any_length() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, Config::new(server.address));
        for keys in [1, 8, 9, 10, 98, 99, 100, 999, 12345] {
            let keys: Vec<_> = (0..keys).map(|n| n.to_string()).collect();
            let pairs = keys.iter().flat_map(|key| [key.as_str(), "value"]);
            let set = Command::new("MSET").args(pairs);
            assert_eq!(client.request(set).blocking().unwrap(), Value::Ok);
            let names: Vec<_> = keys.iter().map(String::as_str).collect();
            assert_eq!(client.del(&names).blocking().unwrap(), keys.len() as i64);
        }
    });
}
