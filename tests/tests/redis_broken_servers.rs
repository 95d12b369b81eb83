//! The Redis client before servers that die, lie, dawdle or send too much: a clear
//! error in time, nobody left waiting, and the next request on a new connection.

#[path = "../../runtime/examples/redis/client/mod.rs"]
mod client;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_op::IoContext;
use async_op::cancel::OperationError;
use async_op::net::AnyStream;
use async_op::test::{Script, TestContext, dial};
use async_op_tests::redis::RedisServer;
use async_op_tests::{under_wine, without_hanging};

use client::{Address, Client, Config, Error, Result, Value};

type Act = Box<dyn FnOnce(TcpStream) + Send>;

const LIMIT: Duration = Duration::from_secs(50);

/// A server that calls one of `acts` with each connection, in turn.
fn server(acts: Vec<Act>) -> SocketAddr {
    server_and_end(acts).0
}

/// The same; the thread ends when the last act is over.
fn server_and_end(acts: Vec<Act>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for act in acts {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            act(stream);
        }
    });
    (address, thread)
}

/// Reads what `count` commands of one line each are at least.
fn read_commands(stream: &mut TcpStream, count: usize) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while seen.windows(4).filter(|it| it == b"PING").count() < count {
        stream.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    let _ = stream.read_exact(&mut [0; 2]);
}

/// Answers a request with `reply`, and holds the connection until its end.
fn answer(reply: Vec<u8>) -> Act {
    Box::new(move |mut stream| {
        read_commands(&mut stream, 1);
        let _ = stream.write_all(&reply);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// Answers a request with `reply`, and is gone.
fn answer_and_die(reply: &'static [u8]) -> Act {
    Box::new(move |mut stream| {
        read_commands(&mut stream, 1);
        stream.write_all(reply).unwrap();
    })
}

fn config(address: SocketAddr) -> Config {
    let mut config = Config::new(address);
    config.longest_reply = 128 << 20;
    config
}

fn ping(client: &Client) -> Result<Value> {
    let ping = client.request(command!["PING"]);
    ping.cancel_after(LIMIT).blocking()
}

/// The first connection ends with an error, the second one works. Both are closed:
/// the server waits for that.
fn fails_then_works(act: Act) -> Error {
    let (address, end) = server_and_end(vec![act, answer(b"+PONG\r\n".to_vec())]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        let start = Instant::now();
        let error = ping(&client).unwrap_err();
        assert!(start.elapsed() < LIMIT, "{error}");
        assert!(!error.is_timeout() && !error.is_cancelled(), "{error}");
        assert!(!client.is_connected());
        assert_eq!(ping(&client).unwrap(), Value::Status("PONG".into()));
        assert!(client.is_connected());
        drop(client);
        end.join().unwrap();
        error
    })
}

fn kind_of(error: &Error) -> Option<io::ErrorKind> {
    error.as_io().map(io::Error::kind)
}

#[test]
fn it_dies_before_it_answers() {
    let error = fails_then_works(answer_and_die(b""));
    assert_eq!(kind_of(&error), Some(io::ErrorKind::UnexpectedEof));
}

#[test]
fn it_dies_in_the_middle_of_a_reply() {
    for half in [
        &b"+PO"[..],
        b"$10\r\nhal",
        b"*2\r\n$3\r\none\r\n",
        b"$",
        b"+PONG\r",
    ] {
        let error = fails_then_works(answer_and_die(half));
        assert_eq!(kind_of(&error), Some(io::ErrorKind::UnexpectedEof));
    }
}

#[test]
fn it_resets_the_connection() {
    let error = fails_then_works(Box::new(|stream| {
        // What has not been read makes of the end a reset.
        stream.peek(&mut [0; 1]).unwrap();
    }));
    let reset = [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof];
    assert!(kind_of(&error).is_some_and(|kind| reset.contains(&kind)));
}

#[test]
fn it_speaks_another_language() {
    let deep = b"*1\r\n".repeat(100_000);
    let endless = vec![b'+'; 200_000];
    for reply in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"$three\r\nabc\r\n",
        b"$-7\r\n",
        b"$+3\r\nabc\r\n",
        b"$\r\n\r\n",
        b"$99999999999999999999\r\n",
        b"$999999999999\r\n",
        b"*999999999999\r\n",
        b"%4611686018427387904\r\n",
        b":twelve\r\n",
        b"$3\r\nabcdef\r\n",
        b"+PONG\rx",
        &[&deep[..], b":1\r\n"].concat(),
        &endless,
    ] {
        let error = fails_then_works(answer(reply.to_vec()));
        assert!(matches!(error, Error::Protocol(_)), "{error}");
    }
}

/// Whoever asked has the first; whose the second is nobody knows.
#[test]
fn it_answers_twice() {
    let acts = vec![
        answer(b"+PONG\r\n+WRONG\r\n".to_vec()),
        answer(b"+PONG\r\n".to_vec()),
    ];
    let address = server(acts);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        assert_eq!(ping(&client).unwrap(), Value::Status("PONG".into()));
        assert!(!client.is_connected());
        assert_eq!(ping(&client).unwrap(), Value::Status("PONG".into()));
    });
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        for _ in 0..3 {
            let error = ping(&client).unwrap_err();
            assert_eq!(kind_of(&error), Some(io::ErrorKind::ConnectionRefused));
        }
    });
}

/// All who wait are told, each once; and `run` returns.
#[test]
fn it_dies_before_a_whole_pipeline() {
    let address = server(vec![Box::new(|mut stream| {
        read_commands(&mut stream, 100);
        stream.write_all(b"+PONG\r\n+PONG\r\n+PO").unwrap();
    })]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        let (sender, receiver) = channel();
        for _ in 0..100 {
            let sender = sender.clone();
            client
                .ping()
                .callback(move |result| sender.send(result.is_ok()).unwrap());
        }
        drop(sender);
        context.run();
        let results: Vec<bool> = receiver.iter().collect();
        assert_eq!(results.len(), 100);
        assert_eq!(results.iter().filter(|&&it| it).count(), 2);
    });
}

#[test]
fn it_sends_sixty_four_mebibytes() {
    const SIZE: usize = 64 << 20;
    let mut reply = format!("${SIZE}\r\n").into_bytes();
    reply.resize(reply.len() + SIZE, b'x');
    reply.extend_from_slice(b"\r\n");
    let address = server(vec![answer(reply)]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        let value = ping(&client).unwrap().bytes().unwrap().unwrap();
        assert_eq!(value.len(), SIZE);
        assert!(value.iter().all(|&byte| byte == b'x'));
    });
}

/// What is too long is refused when it is announced, not when it has come.
#[test]
fn it_sends_more_than_allowed() {
    let reply = format!("${}\r\nx", 64 << 20).into_bytes();
    let address = server(vec![answer(reply), answer(b"+PONG\r\n".to_vec())]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let mut config = config(address);
        config.longest_reply = 1 << 20;
        let client = Client::new(&context, config);
        let error = ping(&client).unwrap_err();
        assert!(matches!(error, Error::Protocol("a reply that is too long")));
        assert!(!client.is_connected());
        assert_eq!(ping(&client).unwrap(), Value::Status("PONG".into()));
    });
}

/// A client of a server that does this.
fn scripted(context: &TestContext, script: Script) -> Client {
    let mut config = Config::new(Address::Tcp(Vec::new()));
    config.dial = Some(Arc::new(dial([AnyStream::new(script.on(context))])));
    Client::new(context, config)
}

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// Announces much, and sends nothing: memory is taken as it comes.
#[test]
fn it_announces_more_than_it_sends() {
    let context = TestContext::new();
    let script = Script::new().write(PING).read("$134217000\r\nx");
    let client = scripted(&context, script);
    assert!(ping(&client).unwrap_err().is_timeout());
    assert_eq!(context.elapsed(), LIMIT);
}

#[test]
fn it_sends_a_byte_at_a_time() {
    let reply = b"*4\r\n$5\r\nhello\r\n:-42\r\n$-1\r\n%1\r\n+key\r\n,1.5\r\n";
    let address = server(vec![Box::new(move |mut stream| {
        read_commands(&mut stream, 1);
        for byte in reply {
            stream.write_all(&[*byte]).unwrap();
            thread::yield_now();
        }
        let _ = stream.read_to_end(&mut Vec::new());
    })]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        let expected = Value::Array(vec![
            Value::Bytes(b"hello".to_vec()),
            Value::Integer(-42),
            Value::Null,
            Value::Map(vec![(Value::Status("key".into()), Value::Double(1.5))]),
        ]);
        assert_eq!(ping(&client).unwrap(), expected);
    });
}

/// The limit is kept, and the connection too: what comes late goes to nobody.
#[test]
fn it_is_slow() {
    let context = TestContext::new();
    let script = Script::new().write(PING).write(PING);
    let client = scripted(&context, script.read("+LATE\r\n+PONG\r\n"));
    assert!(ping(&client).unwrap_err().is_timeout());
    assert_eq!(context.elapsed(), LIMIT);
    assert!(client.is_connected());
    assert_eq!(ping(&client).unwrap(), Value::Status("PONG".into()));
}

/// It never ends, and is never idle: the limit is on the whole.
#[test]
fn it_trickles() {
    let (address, end) = server_and_end(vec![Box::new(|mut stream| {
        read_commands(&mut stream, 1);
        let _ = stream.write_all(b"$100000000\r\n");
        // Until the client has gone.
        while stream.write_all(b"x").is_ok() {
            thread::yield_now();
        }
    })]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        let start = Instant::now();
        let limit = Duration::from_millis(50);
        let ping = client.request(command!["PING"]).cancel_after(limit);
        assert!(ping.blocking().unwrap_err().is_timeout());
        assert!(start.elapsed() < LIMIT);
        // The reply may come yet.
        assert!(client.is_connected());
        client.close();
        assert!(!client.is_connected());
        // What is shut down takes what comes there, until the context drops it.
        if under_wine() {
            context.restart();
            context.run();
        }
        end.join().unwrap();
    });
}

/// It reads nothing: what is written waits, and whoever waits can go.
#[test]
fn it_does_not_read() {
    let context = TestContext::new();
    let client = scripted(&context, Script::new().stall());
    let large = vec![b'x'; 32 << 20];
    let set = client.set("key", &large).cancel_after(LIMIT);
    assert!(set.blocking().unwrap_err().is_timeout());
    for _ in 0..3 {
        assert!(ping(&client).unwrap_err().is_timeout());
    }
    assert_eq!(context.elapsed(), 4 * LIMIT);
}

/// A client that is dropped, with its context, while requests are under way.
#[test]
fn the_context_goes() {
    let address = server(vec![answer(Vec::new())]);
    without_hanging(move || {
        struct Uncalled(std::sync::mpsc::Sender<()>);
        impl Drop for Uncalled {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }

        let (sender, receiver) = channel();
        let called = Arc::new(AtomicBool::new(false));
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        for _ in 0..10 {
            let uncalled = Uncalled(sender.clone());
            let called = called.clone();
            client.ping().callback(move |_| {
                let _uncalled = uncalled;
                called.store(true, Ordering::SeqCst);
            });
        }
        context.poll();
        drop(context);
        assert_eq!(receiver.try_iter().count(), 10);
        assert!(!called.load(Ordering::SeqCst), "nobody runs the context");
        let ping = client.ping();
        assert!(pollster::block_on(ping).is_err());
    });
}

/// A real server is killed while it sends, and comes back.
#[test]
fn a_real_server_is_killed() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(server.address));
        // More than the system keeps for a socket: it cannot have sent all.
        let large = vec![b'x'; 64 << 20];
        client.set("large", &large).blocking().unwrap();
        let (sender, receiver) = channel();
        for _ in 0..100 {
            let sender = sender.clone();
            let get = client.get("large");
            get.callback(move |result| sender.send(result).unwrap());
        }
        drop(sender);
        context.restart();
        context.run_for(Duration::from_millis(5));
        server.kill();
        let start = Instant::now();
        context.restart();
        context.run();
        assert!(start.elapsed() < LIMIT);
        let results: Vec<_> = receiver.iter().collect();
        assert_eq!(results.len(), 100);
        let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        assert!(errors.len() > 50, "{}", errors.len());
        let lost = [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof];
        for error in errors {
            assert!(kind_of(&error).is_some_and(|kind| lost.contains(&kind)));
        }
        assert!(!client.is_connected());
        let refused = ping(&client).unwrap_err();
        assert_eq!(kind_of(&refused), Some(io::ErrorKind::ConnectionRefused));
        server.restart();
        assert_eq!(client.get("large").blocking().unwrap(), None);
    });
}
