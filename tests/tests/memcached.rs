//! The client of memcached, against a real server, and before one that lies.

#[path = "../../runtime/examples/memcached/client.rs"]
mod client;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use async_op::io::{read_until, write_all};
use async_op::net::AnyStream;
use async_op::net::pipeline::Address;
use async_op::test::{Script, TestContext, TestStream, dial};
use async_op::{Initiation, IoContext, Operation, SystemExecutor};
use async_op_tests::astray::{self, Echo, Shared};
use async_op_tests::{ServerProcess, without_hanging};

use client::Client;

fn start() -> Option<ServerProcess> {
    ServerProcess::start("memcached", |port| {
        let port = port.to_string();
        let arguments = ["-l", "127.0.0.1", "-p", &port, "-U", "0", "-u", "nobody"];
        arguments.map(str::to_owned).to_vec()
    })
}

#[test]
fn a_real_server() {
    let Some(mut server) = start() else { return };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, server.address);
        assert_eq!(client.get("key").blocking().unwrap(), None);
        client
            .set("key", b"value\r\nEND\r\n", 0)
            .blocking()
            .unwrap();
        assert_eq!(
            client.get("key").blocking().unwrap().unwrap(),
            b"value\r\nEND\r\n"
        );
        client.set("key", b"", 0).blocking().unwrap();
        assert_eq!(client.get("key").blocking().unwrap().unwrap(), b"");
        client.set("n", b"41", 0).blocking().unwrap();
        assert_eq!(client.incr("n", 1).blocking().unwrap(), Some(42));
        assert_eq!(client.incr("none", 1).blocking().unwrap(), None);
        assert!(client.delete("n").blocking().unwrap());
        assert!(!client.delete("n").blocking().unwrap());
        // Refused by it, and by us.
        let error = client.incr("key", 1).blocking().unwrap_err();
        assert!(error.to_string().contains("CLIENT_ERROR"), "{error}");
        let large = vec![b'x'; 2 << 20];
        let error = client.set("large", &large, 0).blocking().unwrap_err();
        assert!(error.to_string().contains("SERVER_ERROR"), "{error}");
        for key in ["", "a b", "a\r\nflush_all", &"k".repeat(251)] {
            let error = client.get(key).blocking().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        // Many at once.
        let large = vec![b'x'; 500_000];
        client.set("large", &large, 0).blocking().unwrap();
        let (sender, receiver) = channel();
        for n in 0..100 {
            let sender = sender.clone();
            let key = ["large", "key"][n % 2];
            client.get(key).callback(move |value| {
                let len = value.unwrap().unwrap().len();
                sender.send(len == [500_000, 0][n % 2]).unwrap();
            });
        }
        context.restart();
        context.run();
        assert_eq!(receiver.try_iter().filter(|&it| it).count(), 100);
        server.kill();
        assert!(client.get("key").blocking().is_err());
        server.restart();
        assert_eq!(client.get("key").blocking().unwrap(), None);
        // Awaited elsewhere.
        let client = Client::new(&SystemExecutor, server.address);
        pollster::block_on(async {
            client.set("key", b"value", 0).await?;
            assert_eq!(client.get("key").await?.unwrap(), b"value");
            io::Result::Ok(())
        })
        .unwrap();
    });
}

/// A server that says each of `replies` to a line, on a connection of its own.
fn lying(replies: &'static [&'static [u8]]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for reply in replies {
            let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
            stream.write_all(reply).unwrap();
            if !reply.ends_with(b"...") {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    address
}

#[test]
fn a_server_that_lies() {
    const LIES: &[&[u8]] = &[
        b"VALUE key 0 2147483647\r\nx",
        b"VALUE key 0 -1\r\n",
        b"VALUE key 0 5\r\nvalue and more\r\nEND\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\xff\xff\r\n",
        b"END\r\nEND\r\n",
        b"VALUE key 0 100\r\nhalf...",
        b"VALUE key 0 5\r\nvalue\r\nEND\r\n",
    ];
    let address = lying(LIES);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, address);
        for lie in LIES {
            let expected = match &lie[..] {
                b"END\r\nEND\r\n" => Ok(None),
                lie if lie.ends_with(b"value\r\nEND\r\n") => Ok(Some(b"value".to_vec())),
                lie if lie.ends_with(b"...") => Err(ErrorKind::UnexpectedEof),
                _ => Err(ErrorKind::InvalidData),
            };
            let value = client.get("key").blocking().map_err(|error| error.kind());
            assert_eq!(value, expected, "{}", String::from_utf8_lossy(lie));
        }
    });
}

#[test]
fn a_server_that_is_slow() {
    let context = TestContext::new();
    let script = Script::new()
        .write("get key\r\n")
        .read("VALUE key 0 5\r\nval");
    let client = Client::new(
        &context,
        Address::dial(dial([AnyStream::new(script.on(&context))])),
    );
    let limit = Duration::from_secs(20);
    let get = client.get("key").cancel_after(limit);
    assert!(async_op::is_timeout(&get.blocking().unwrap_err()));
    assert_eq!(context.elapsed(), limit);
}

impl Shared for Client {
    fn new(context: &TestContext, stream: TestStream) -> Self {
        Client::new(context, Address::dial(dial([AnyStream::new(stream)])))
    }

    fn ask(&self, text: &str) -> Operation<Echo, impl Initiation<Echo> + 'static> {
        self.get(text)
            .map(|value| Ok(String::from_utf8(value?.unwrap_or_default()).unwrap()))
    }

    /// The value of each key is the key.
    async fn serve(stream: TestStream) {
        let mut line = Vec::new();
        while let Ok(end) = read_until(&stream, &mut line, "\r\n").await {
            let line: Vec<u8> = line.drain(..end).collect();
            let key = std::str::from_utf8(&line[..end - 2]).unwrap();
            let key = key.strip_prefix("get ").unwrap();
            let reply = format!("VALUE {key} 0 {}\r\n{key}\r\nEND\r\n", key.len());
            if write_all(&stream, reply).await.0.is_err() {
                return;
            }
        }
    }
}

#[test]
fn no_reply_goes_astray_at_any_step() {
    astray::one_gives_up_at_each_step::<Client>(10..100);
    astray::some_give_up_in_any_order::<Client>();
}
