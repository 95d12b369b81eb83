//! The PostgreSQL client before servers that die, lie, dawdle or send too much: a clear error
//! for all who wait, in time, and the next request on a new connection.
#![cfg(unix)]

#[path = "../../runtime/examples/postgres/client/mod.rs"]
mod client;

use std::io::{self, ErrorKind, Read, Write};
use std::iter;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_op::IoContext;
use async_op::net::AnyStream;
use async_op::test::{Probe, Script, TestContext, dial};
use async_op_tests::without_hanging;

use client::{Address, Client, Config, Error, Rows};

/// So long a server may say nothing.
const SILENCE: Duration = Duration::from_secs(20);

type Act = Box<dyn FnOnce(TcpStream) -> io::Result<()> + Send>;

/// `AuthenticationOk` and `ReadyForQuery`.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
/// One column.
const COLUMNS: &[u8] = b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\0\0\0\0\0\0";
const ROW: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x017";
const END: &[u8] = b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";

/// A server that calls one of `acts` with each connection, in turn.
fn server(acts: Vec<Act>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for act in acts {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            // It may be gone before all is said.
            let _ = act(stream);
        }
    });
    (address, thread)
}

/// Reads what a client says at first.
fn greeting(stream: &mut TcpStream) -> io::Result<()> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let rest = u32::from_be_bytes(len) as usize - 4;
    stream.read_exact(&mut vec![0; rest])
}

/// Reads so many simple queries.
fn queries(stream: &mut TcpStream, count: usize) -> io::Result<()> {
    for _ in 0..count {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        assert_eq!(head[0], b'Q');
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
        stream.read_exact(&mut vec![0; len])?;
    }
    Ok(())
}

/// Answers the greeting with `bytes`, and waits for the end.
fn greets(bytes: Vec<u8>) -> Act {
    Box::new(move |mut stream| {
        greeting(&mut stream)?;
        stream.write_all(&bytes)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    })
}

/// Answers three queries with `bytes`, and waits for the end, or is gone.
fn answers(bytes: Vec<u8>, waits: bool) -> Act {
    Box::new(move |mut stream| {
        greeting(&mut stream)?;
        stream.write_all(WELCOME)?;
        queries(&mut stream, 3)?;
        stream.write_all(&bytes)?;
        if waits {
            stream.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    })
}

/// Answers any number of queries, as it should.
fn works() -> Act {
    Box::new(|mut stream| {
        greeting(&mut stream)?;
        stream.write_all(WELCOME)?;
        while queries(&mut stream, 1).is_ok() {
            stream.write_all(&[COLUMNS, ROW, END].concat())?;
        }
        Ok(())
    })
}

fn config(address: SocketAddr) -> Config {
    let mut config = Config::new(Address::Tcp(vec![address]), "me");
    config.longest_message = 1 << 20;
    config.silence = Some(SILENCE);
    config
}

fn seven(rows: &Rows) -> i32 {
    rows.one().unwrap().get(0).unwrap()
}

/// Of three requests the first `answered` are; the others receive one error, all of them.
/// Then there is a new connection, which works.
fn fails_then_works(act: Act, answered: usize) -> Error {
    fails_with(act, answered, |config| config)
}

fn fails_with(
    act: Act,
    answered: usize,
    more: impl FnOnce(Config) -> Config + Send + 'static,
) -> Error {
    let (address, end) = server(vec![act, works()]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, more(config(address)));
        let (sender, receiver) = channel();
        for _ in 0..3 {
            let sender = sender.clone();
            client
                .batch("select 7")
                .callback(move |result| sender.send(result).unwrap());
        }
        context.run();
        let mut results: Vec<_> = receiver.try_iter().collect();
        assert_eq!(results.len(), 3);
        for rows in results.drain(..answered) {
            assert_eq!(seven(&rows.unwrap()), 7);
        }
        let errors: Vec<Error> = results.drain(..).map(|it| it.unwrap_err()).collect();
        let texts: Vec<String> = errors.iter().map(Error::to_string).collect();
        assert!(texts.iter().all(|it| *it == texts[0]), "{texts:?}");
        assert!(!client.is_connected());
        assert_eq!(seven(&client.batch("select 7").blocking().unwrap()), 7);
        drop((client, context));
        end.join().unwrap();
        errors.into_iter().next().unwrap()
    })
}

fn kind(error: &Error) -> Option<ErrorKind> {
    error.as_io().map(io::Error::kind)
}

#[test]
fn garbage() {
    let noise: Vec<u8> = (0..100_000).map(|n| (n * 7 % 251) as u8).collect();
    let error = fails_then_works(greets(noise.clone()), 0);
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    let error = fails_then_works(answers(noise, true), 0);
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    let error = fails_then_works(greets(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), 0);
    assert!(matches!(error, Error::Protocol(_)), "{error}");
}

/// Messages that are framed well, and say nothing of the kind.
#[test]
fn what_it_may_not_say() {
    let bad: &[&[u8]] = &[
        b"D\0\0\0\x0b\0\x01\0\0\0\x017", // without columns
        b"T\0\0\0\x06\0\x05",            // five columns, of which there is none
        b"Z\0\0\0\x04",                  // no status
        b"E\0\0\0\x08what",              // not ended
        b"A\0\0\0\x05x",                 // nothing of anybody
        b"?\0\0\0\x04",                  // who knows
        b"C\0\0\0\x03",                  // shorter than its length
        b"R\0\0\0\x08\0\0\0\0",          // once more
    ];
    for message in bad {
        let error = fails_then_works(answers(message.to_vec(), true), 0);
        assert!(matches!(error, Error::Protocol(_)), "{error}: {message:?}");
    }
    let rows: &[&[u8]] = &[
        b"D\0\0\0\x06\0\x02",             // two columns of one
        b"D\0\0\0\x0b\0\x01\0\0\0\x097",  // longer than it is
        b"D\0\0\0\x0c\0\x01\0\0\0\x0177", // and something more
        b"D\0\0\0\x04",
    ];
    for row in rows {
        let error = fails_then_works(answers([COLUMNS, row].concat(), true), 0);
        assert!(matches!(error, Error::Protocol(_)), "{error}: {row:?}");
    }
    // A reply too many.
    let four = [COLUMNS, ROW, END].concat().repeat(3);
    let error = fails_then_works(
        answers(
            [&four[..four.len() - END.len()], b"?\0\0\0\x04"].concat(),
            true,
        ),
        2,
    );
    assert!(matches!(error, Error::Protocol(_)), "{error}");
}

#[test]
fn half_a_message_and_then_nothing() {
    const GREETING: &[u8] = b"\0\0\0\x26\0\x03\0\0user\0me\0client_encoding\0UTF8\0\0";
    const SEVEN: &[u8] = b"Q\0\0\0\x0dselect 7\0";
    let greets = |bytes| Script::new().write(GREETING).read(bytes);
    let half = [COLUMNS, ROW, END, COLUMNS, &ROW[..7]].concat();
    for (script, answered) in [
        (greets(WELCOME).write(SEVEN.repeat(3)).read(half), 1),
        (greets(&WELCOME[..12]), 0),
        (greets(b""), 0),
    ] {
        let context = TestContext::new();
        let mut config = Config::new(Address::Tcp(Vec::new()), "me");
        config.silence = Some(SILENCE);
        config.dial = Some(Arc::new(dial([AnyStream::new(script.on(&context))])));
        let client = Client::new(&context, config);
        let probe = Probe::new();
        for _ in 0..3 {
            client.batch("select 7").with(probe.handler());
        }
        context.run();
        assert_eq!(context.elapsed(), SILENCE);
        let replies = iter::from_fn(|| probe.try_take()).map(|(reply,)| reply);
        let (rows, errors): (Vec<_>, Vec<_>) = replies.partition(|reply| reply.is_ok());
        assert_eq!((rows.len(), errors.len()), (answered, 3 - answered));
        for error in errors {
            assert_eq!(kind(&error.unwrap_err()), Some(ErrorKind::TimedOut));
        }
    }
}

#[test]
fn a_message_of_two_gigabytes() {
    let long = |tag: u8| [&[tag][..], &2_000_000_000_u32.to_be_bytes(), &[0; 1000]].concat();
    for act in [
        greets(long(b'R')),
        answers(long(b'D'), true),
        answers(long(b'Z'), true),
    ] {
        let error = fails_then_works(act, 0);
        assert!(error.to_string().contains("too long"), "{error}");
    }
    let negative = [b"D", &(-5_i32).to_be_bytes()[..]].concat();
    let error = fails_then_works(answers(negative, true), 0);
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn an_unknown_authentication() {
    let ask = |kind: u32, rest: &[u8]| {
        let len = 8 + rest.len() as u32;
        [b"R", &len.to_be_bytes()[..], &kind.to_be_bytes(), rest].concat()
    };
    let scram = |text: &[u8]| [&ask(10, b"SCRAM-SHA-256\0\0")[..], text].concat();
    let acts = [
        greets(ask(7, b"")),  // GSSAPI
        greets(ask(99, b"")), // of a later time
        greets(ask(10, b"SCRAM-SHA-512\0\0")),
        greets(ask(11, b"r=1,s=AAAA,i=1")), // not asked for
    ];
    for act in acts {
        let error = fails_with(act, 0, |mut config| {
            config.password = Some("secret".into());
            config
        });
        assert!(matches!(error, Error::Protocol(_)), "{error}");
    }
    // One that does not know the password itself.
    for text in [
        &ask(11, b"r=another,s=AAAA,i=4096"),
        &ask(11, b"what"),
        &ask(12, b"v=AAAA"),
    ] {
        let error = fails_with(greets(scram(text)), 0, |mut config| {
            config.password = Some("secret".into());
            config
        });
        assert!(error.as_io().is_some(), "{error}");
    }
}

#[test]
fn it_is_gone_in_the_middle() {
    let whole = [COLUMNS, ROW, END].concat();
    let ends = [
        0,
        3,
        COLUMNS.len(),
        COLUMNS.len() + 5,
        whole.len() - 6,
        whole.len(),
    ];
    for end in ends {
        let answered = usize::from(end == whole.len());
        let error = fails_then_works(answers(whole[..end].to_vec(), false), answered);
        let is_gone = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
        assert!(
            kind(&error).is_some_and(|it| is_gone.contains(&it)),
            "{error}"
        );
    }
    let error = fails_then_works(Box::new(|_| Ok(())), 0);
    assert!(kind(&error).is_some(), "{error}");
    // Or it says why.
    let fatal = b"E\0\0\0\x1fSFATAL\0C57P01\0Mgoing down\0\0";
    for act in [greets(fatal.to_vec()), answers(fatal.to_vec(), false)] {
        let error = fails_then_works(act, 0);
        assert_eq!(error.code(), Some("57P01"));
    }
}

/// Rows, copies and messages that are waited for end with the connection, too.
#[test]
fn all_who_wait_are_told() {
    let act: Act = Box::new(|mut stream| {
        greeting(&mut stream)?;
        stream.write_all(WELCOME)?;
        queries(&mut stream, 1)?;
        stream.write_all(b"C\0\0\0\x0bLISTEN\0Z\0\0\0\x05I")?;
        stream.read_exact(&mut [0; 1])?;
        stream.write_all(&[&b"1\0\0\0\x042\0\0\0\x04"[..], COLUMNS, ROW].concat())?;
        stream.shutdown(Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let (address, end) = server(vec![act]);
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config(address));
        client.listen("news").blocking().unwrap();
        let (sender, receiver) = channel();
        let failed = sender.clone();
        client
            .next_notification()
            .callback(move |it| failed.send(it.unwrap_err()).unwrap());
        let stream = client.stream("select 7", &[]).unwrap();
        let row = stream.next().blocking().unwrap().unwrap();
        assert_eq!(row.get::<i32>(0).unwrap(), 7);
        let query = client.query("select 8", &[]);
        query.callback(move |it| sender.send(it.unwrap_err()).unwrap());
        let error = stream.next().blocking().unwrap_err();
        context.restart();
        context.run();
        let errors: Vec<Error> = receiver.try_iter().collect();
        assert_eq!(errors.len(), 2);
        for error in errors.iter().chain([&error]) {
            assert!(kind(error).is_some(), "{error}");
        }
        end.join().unwrap();
    });
}
