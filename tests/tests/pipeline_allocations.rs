//! In the long run a pipeline takes nothing from the heap, whatever is asked and however it
//! ends.
#![cfg(not(async_op_sanitize))]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use async_op::net::TcpStream;
use async_op::net::pipeline::{Event, Expect, Id, Input, Limits, Pipeline, Protocol, Session};
use async_op::{IoContext, IoExecutor};
use async_op_tests::{CountingHeap, heap_allocations_here, without_hanging};
use futures_lite::future::poll_once;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// All is said in pieces of nine bytes: a kind, a number, and another one.
struct Numbers(SocketAddr);

#[derive(Clone, Copy)]
enum Ask {
    Echo(u32),
    Late(u32),
    Rows(u32),
    Fire,
    Shout(u32),
}

impl Protocol for Numbers {
    type Stream = TcpStream;
    type Request = Ask;
    type Reply = u32;
    type Part = u32;
    type Message = u32;
    type Error = io::Error;
    type Pending = ();
    type Decoder = ();
    type Encoder = ();

    async fn connect(&self, on: &IoExecutor, _: &mut Input) -> io::Result<(TcpStream, ())> {
        let stream = TcpStream::connect(on, self.0).await?;
        stream.set_nodelay(true)?;
        Ok((stream, ()))
    }

    fn encode(&self, (): &mut (), ask: Ask, id: Id, out: &mut Vec<u8>) -> io::Result<Expect<Self>> {
        let (kind, number) = match ask {
            Ask::Echo(n) => (b'e', n),
            Ask::Late(n) => (b'l', n),
            Ask::Rows(n) => (b'r', n),
            Ask::Fire => (b'f', 0),
            Ask::Shout(n) => (b's', n),
        };
        out.push(kind);
        out.extend_from_slice(&id.short().to_be_bytes());
        out.extend_from_slice(&number.to_be_bytes());
        Ok(match ask {
            Ask::Late(_) => Expect::ById(()),
            Ask::Fire => Expect::Nothing(0),
            _ => Expect::InOrder(()),
        })
    }

    fn decode(
        &self,
        (): &mut (),
        input: &mut Input,
        _: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        let Some(&[kind, ref rest @ ..]) = input.take(9) else {
            return Ok(None);
        };
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        let (id, n) = (Id::from_short(number(0)), number(4));
        Ok(Some(match kind {
            b'l' => Event::ReplyTo(id, Ok(n)),
            b'p' => Event::Part(n),
            b'm' => Event::Message(n),
            _ => Event::Reply(Ok(n)),
        }))
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.silence = Some(Duration::from_secs(30));
        limits.unanswered = 50;
        limits
    }
}

fn serve(mut stream: std::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut ask = [0; 9];
    loop {
        stream.read_exact(&mut ask)?;
        let n = u32::from_be_bytes(ask[5..].try_into().unwrap());
        let part = match ask[0] {
            b'f' => continue,
            b'r' => b'p',
            b's' => b'm',
            _ => {
                stream.write_all(&ask)?;
                continue;
            }
        };
        let mut reply = Vec::new();
        for _ in 0..n {
            reply.extend_from_slice(&[&[part], &ask[1..]].concat());
        }
        reply.extend_from_slice(&ask);
        stream.write_all(&reply)?;
    }
}

/// Does `work` until it takes nothing from the heap, again and again.
fn settles(name: &str, mut work: impl FnMut()) {
    let mut taken = Vec::new();
    for _ in 0..300 {
        let before = heap_allocations_here();
        work();
        taken.push(heap_allocations_here() - before);
        if taken.ends_with(&[0; 10]) {
            return;
        }
    }
    panic!("{name}: {:?}", &taken[taken.len() - 20..]);
}

#[test]
fn nothing_is_taken_from_the_heap() {
    without_hanging(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0));
        let context = IoContext::new().unwrap();
        let client = Pipeline::new(&context, Numbers(address));
        let run = || {
            context.restart();
            context.run();
        };
        settles("in order", || {
            assert_eq!(client.request(Ask::Echo(7)).blocking().unwrap(), 7);
        });
        settles("by id, and many at once", || {
            for n in 0..40 {
                let late = client.request(Ask::Late(n));
                late.callback(move |reply| assert_eq!(reply.unwrap(), n));
            }
            run();
        });
        settles("beyond the limits", || {
            for n in 0..200 {
                let echo = client.request(Ask::Echo(n));
                echo.callback(move |reply| assert_eq!(reply.unwrap(), n));
            }
            run();
        });
        settles("without a reply", || {
            client.request(Ask::Fire).blocking().unwrap();
            client.request(Ask::Fire).detach();
            run();
        });
        settles("in parts", || {
            let rows = client.open(Ask::Rows(20)).unwrap();
            for _ in 0..20 {
                assert_eq!(rows.next_part().blocking().unwrap(), Some(20));
            }
            assert_eq!(rows.next_part().blocking().unwrap(), None);
            assert_eq!(rows.reply().blocking().unwrap(), 20);
        });
        settles("messages", || {
            assert_eq!(client.request(Ask::Shout(5)).blocking().unwrap(), 5);
            for _ in 0..5 {
                assert_eq!(client.next_message().blocking().unwrap(), 5);
            }
        });
        settles("given up", || {
            let limit = Duration::from_nanos(1);
            let late = client.request(Ask::Late(1)).cancel_after(limit);
            let _ = late.blocking();
            let mut echo = pin!(client.request(Ask::Echo(1)));
            assert!(pollster::block_on(poll_once(echo.as_mut())).is_none());
            let rows = client.open(Ask::Rows(3)).unwrap();
            drop(rows);
            client.request(Ask::Echo(1)).blocking().unwrap();
        });
    });
}
