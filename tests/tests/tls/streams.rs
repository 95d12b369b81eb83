//! Two ends of ours.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::{
    AsyncReadStream, AsyncWriteStream, Transport, copy, read_buf, read_exact, read_to_end,
    read_until, write_all,
};
use async_op::net::AnyStream;
use async_op::net::tls::TlsStream;
use async_op::token::UsePromise;
use async_op::{
    Blocking, Detached, IoContext, UseFuture, bind_cancellation_slot, is_cancelled, spawn,
};
use async_op_tests::net::{both, drive, half_pair, local_pair, pair, pattern};
use async_op_tests::{Polled, Yours, without_hanging};

use crate::authority::{Authority, connected, pairs, with_protocols};

/// Calls `$body` for each pair of libraries, with both ends over `$ends`.
macro_rules! each_pair {
    ($context:ident, $ends:expr, |$kind:ident, $a:ident, $b:ident| $body:block) => {
        without_hanging(move || {
            let $context = IoContext::new().unwrap();
            for ($kind, connector, acceptor) in pairs() {
                $context.restart();
                let ($a, $b) = drive(&$context, async {
                    connected((&connector, &acceptor), $ends).await
                });
                $body
            }
        })
    };
}

fn every_token<S: Transport>(kind: &str, context: &IoContext, a: TlsStream<S>, b: TlsStream<S>) {
    assert_eq!(a.write_some("one").blocking().unwrap(), 3, "{kind}");
    assert_eq!(
        b.async_read_some(&mut [0; 9], Blocking).unwrap(),
        3,
        "{kind}"
    );
    let (sender, receiver) = channel();
    b.async_read_some(
        vec![0; 9],
        move |result: io::Result<usize>, buffer: Vec<u8>| {
            sender.send((result.unwrap(), buffer)).unwrap();
        },
    );
    a.async_write_some("two", Detached);
    context.restart();
    context.run();
    let (n, buffer) = receiver.recv().unwrap();
    assert_eq!(&buffer[..n], b"two", "{kind}");
    drive(context, async {
        let mut buffer = [0; 9];
        let (n, m) = both(b.read_some(&mut buffer), a.write_some("three")).await;
        assert_eq!((n.unwrap(), m.unwrap()), (5, 5));
        a.async_write_some("four", UseFuture).await.unwrap();
        assert_eq!(b.async_read_some(&mut buffer, UseFuture).await.unwrap(), 4);
    });
    let promise = b.async_read_some(vec![0; 4], UsePromise);
    a.write_some("five").blocking().unwrap();
    let (n, buffer) = promise.wait().blocking();
    assert_eq!((n.unwrap(), &buffer[..]), (4, &b"five"[..]), "{kind}");
    let (sender, receiver) = channel();
    let text = {
        let b = b.clone();
        async move { read_until(&b, Vec::new(), b'\n').await.1 }
    };
    spawn(context, text, move |text: Vec<u8>| {
        sender.send(text).unwrap()
    });
    write_all(&a, "six\n").blocking().unwrap();
    context.restart();
    context.run();
    assert_eq!(receiver.recv().unwrap(), b"six\n", "{kind}");
    // Parts, and what asks for nothing.
    drive(context, async {
        write_all(&b, ([1; 3], vec![2; 5])).await.0.unwrap();
        let (result, parts) = read_exact(&a, ([0; 1], [0; 7])).await;
        result.unwrap();
        assert_eq!(parts, ([1], [1, 1, 2, 2, 2, 2, 2]), "{kind}");
        assert_eq!(a.write_some("").await.unwrap(), 0);
        assert_eq!(a.read_some(&mut []).await.unwrap(), 0);
        let (result, _) = a.read_some(Vec::<u8>::new()).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput);
        write_all(&b, "grows").await.unwrap();
        let mut vec = Vec::new();
        assert_eq!(read_buf(&a, &mut vec).await.unwrap(), 5);
    });
}

#[test]
fn every_token_over_tcp() {
    each_pair!(context, pair(&context), |kind, a, b| {
        every_token(&kind, &context, a, b);
    });
}

#[test]
fn every_token_over_a_unix_socket() {
    each_pair!(context, local_pair(&context), |kind, a, b| {
        every_token(&kind, &context, a, b);
    });
}

#[test]
fn every_token_over_a_stream_of_yours() {
    each_pair!(context, Yours::pair(&context), |kind, a, b| {
        every_token(&kind, &context, a, b);
    });
}

#[test]
fn erased_above_and_below() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for (kind, connector, acceptor) in pairs() {
            context.restart();
            let (a, b) = pair(&context);
            let ends = (AnyStream::new(a), AnyStream::new(b));
            let (a, b) = drive(&context, async {
                connected((&connector, &acceptor), ends).await
            });
            let (a, b) = (AnyStream::new(a), AnyStream::new(b));
            write_all(&a, "hello").blocking().unwrap();
            read_exact(&b, &mut [0; 5]).blocking().unwrap();
            assert_eq!(a.try_write_some(b"now").unwrap(), 3, "{kind}");
            read_exact(&b, &mut [0; 3]).blocking().unwrap();
            assert!(a.downcast_ref::<TlsStream<AnyStream>>().is_some());
        }
    });
}

/// One task reads while another writes, at both ends, on several threads: more than any buffer
/// of the system takes.
#[test]
fn both_directions_at_once() {
    const LEN: usize = 4_000_000;

    async fn says<S: AsyncWriteStream>(stream: S) {
        write_all(&stream, &pattern(LEN)).await.unwrap();
    }

    async fn hears<S: AsyncReadStream>(stream: S) {
        let mut data = vec![0; LEN];
        read_exact(&stream, &mut data).await.unwrap();
        assert!(data == pattern(LEN));
    }

    each_pair!(context, pair(&context), |_kind, a, b| {
        context.restart();
        let count = Arc::new(AtomicUsize::new(0));
        let done = || {
            let count = count.clone();
            move |()| {
                count.fetch_add(1, Ordering::SeqCst);
            }
        };
        spawn(&context, says(a.clone()), done());
        spawn(&context, says(b.clone()), done());
        spawn(&context, hears(a), done());
        spawn(&context, hears(b), done());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| context.run());
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 4);
    });
}

/// All that one says is copied back to it.
#[test]
fn copied_back() {
    each_pair!(context, pair(&context), |kind, a, b| {
        drive(&context, async {
            let data = pattern(200_000);
            let there = async {
                let transfer = copy(&b, &b).await;
                b.finish().await.unwrap();
                transfer.into_result().unwrap()
            };
            let back = async {
                let write = async {
                    write_all(&a, &data).await.unwrap();
                    a.finish().await.unwrap();
                };
                let mut back = Vec::new();
                both(write, read_to_end(&a, &mut back)).await.1.unwrap();
                back
            };
            let (n, back) = both(there, back).await;
            assert_eq!(n, data.len(), "{kind}");
            assert!(back == data, "{kind}");
        });
    });
}

#[test]
fn an_end_that_is_said_and_one_that_is_not() {
    each_pair!(context, pair(&context), |kind, a, b| {
        write_all(&a, "all").blocking().unwrap();
        a.finish().blocking().unwrap();
        let mut buffer = [0; 9];
        assert_eq!(b.read_some(&mut buffer).blocking().unwrap(), 3, "{kind}");
        // For ever.
        for _ in 0..3 {
            assert_eq!(b.read_some(&mut buffer).blocking().unwrap(), 0, "{kind}");
        }
        // The other direction is open.
        write_all(&b, "answer").blocking().unwrap();
        read_exact(&a, &mut [0; 6]).blocking().unwrap();
        // And ends without a word.
        b.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
        for _ in 0..3 {
            let error = a.read_some(&mut buffer).blocking().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{kind}");
        }
    });
}

#[test]
fn an_end_that_is_said_twice() {
    each_pair!(context, local_pair(&context), |kind, a, b| {
        write_all(&b, "before").blocking().unwrap();
        // The rest is with the library.
        a.read_some(&mut [0]).blocking().unwrap();
        for _ in 0..3 {
            a.finish().blocking().unwrap();
        }
        write_all(&b, "after").blocking().unwrap();
        b.finish().blocking().unwrap();
        let mut text = Vec::new();
        read_to_end(&a, &mut text).blocking().unwrap();
        assert_eq!(text, b"eforeafter", "{kind}");
    });
}

#[test]
fn closed() {
    each_pair!(context, pair(&context), |kind, a, b| {
        let mut read = Polled::new(a.read_some([0; 9]));
        assert!(read.poll().is_pending(), "{kind}");
        a.close();
        // One says so, and the other, who has waited, is told that it is over.
        assert_eq!(b.read_some(&mut [0; 9]).blocking().unwrap(), 0, "{kind}");
        let (result, _) = read.ready();
        assert_eq!(
            result.unwrap_err().kind(),
            ErrorKind::UnexpectedEof,
            "{kind}"
        );
        assert!(a.write_some("x").blocking().is_err(), "{kind}");
    });
}

#[test]
fn reads_that_are_stopped_or_dropped_have_read_nothing() {
    each_pair!(context, pair(&context), |kind, a, b| {
        let signal = CancellationSignal::new();
        let handler = |result: io::Result<usize>, _: [u8; 9]| {
            assert!(is_cancelled(&result.unwrap_err()));
        };
        context.restart();
        b.async_read_some([0; 9], bind_cancellation_slot(signal.slot(), handler));
        signal.emit(CancellationType::TOTAL);
        assert_eq!(context.run(), 1, "{kind}");
        let mut read = Polled::new(b.read_some([0; 9]));
        assert!(read.poll().is_pending(), "{kind}");
        drop(read);
        write_all(&a, "hello").blocking().unwrap();
        let mut buffer = [0; 9];
        assert_eq!(b.read_some(&mut buffer).blocking().unwrap(), 5, "{kind}");
    });
}

/// A write that is dropped has written: what is left of it comes first, and nothing twice.
#[test]
fn writes_that_are_dropped() {
    each_pair!(context, pair(&context), |kind, a, b| {
        let data = pattern(64_000);
        let mut begun = 0;
        loop {
            let mut write = Polled::new(a.write_some(&data[..]));
            match write.poll() {
                std::task::Poll::Ready(n) => assert_eq!(n.unwrap(), data.len(), "{kind}"),
                std::task::Poll::Pending => break,
            }
            begun += 1;
        }
        assert!(begun > 0, "{kind}");
        drive(&context, async {
            let read = async {
                let mut all = Vec::new();
                read_to_end(&b, &mut all).await.unwrap();
                all
            };
            let finish = async { a.finish().await.unwrap() };
            let (all, ()) = both(read, finish).await;
            assert_eq!(all.len(), (begun + 1) * data.len(), "{kind}");
            assert!(all.chunks(data.len()).all(|part| part == data), "{kind}");
        });
    });
}

/// What is taken here and now arrives, though nobody waits for that.
#[test]
fn here_and_now() {
    each_pair!(context, pair(&context), |kind, a, b| {
        let data = pattern(50_000);
        let mut taken = 0;
        let error = loop {
            match a.try_write_some(&data) {
                Ok(n) => {
                    assert_eq!(n, data.len(), "{kind}");
                    taken += n;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{kind}");
        assert!(taken > 0, "{kind}");
        let mut all = vec![0; taken];
        read_exact(&b, &mut all).blocking().unwrap();
        assert!(all.chunks(data.len()).all(|part| part == data), "{kind}");
        assert_eq!(a.try_write_some(b"").unwrap(), 0);
        assert_eq!(a.try_write_some(b"more").unwrap(), 4, "{kind}");
        read_exact(&b, &mut [0; 4]).blocking().unwrap();
        // Nothing is left of it but the two ends.
        context.restart();
        context.run();
    });
}

#[test]
fn what_nobody_has_encrypted_is_an_error() {
    each_pair!(context, pair(&context), |kind, a, b| {
        let mut record = vec![23, 3, 3, 0, 40];
        record.extend([7; 40]);
        write_all(b.get_ref(), record).blocking().0.unwrap();
        let error = a.read_some(&mut [0; 9]).blocking().unwrap_err();
        assert_ne!(error.kind(), ErrorKind::UnexpectedEof, "{kind}");
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{kind}");
        // It stays one.
        assert!(a.read_some(&mut [0; 9]).blocking().is_err(), "{kind}");
        // The other end is told.
        let error = b.read_some(&mut [0; 9]).blocking().unwrap_err();
        assert_ne!(error.kind(), ErrorKind::UnexpectedEof, "{kind}: {error}");
    });
}

/// One who says nothing, who says nothing of sense, and who hangs up.
#[test]
fn no_handshake() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        for (kind, connector, acceptor) in pairs() {
            let limit = Some(Duration::from_millis(20));
            let silent = |error: io::Error| assert_eq!(error.kind(), ErrorKind::TimedOut, "{kind}");
            let (a, _b) = half_pair(&context);
            let connecting = connector.clone().handshake_limit(limit);
            silent(connecting.connect(a, "localhost").blocking().unwrap_err());
            let (a, _b) = half_pair(&context);
            let accepting = acceptor.clone().handshake_limit(limit);
            silent(accepting.accept(a).blocking().unwrap_err());
            for limit in [Some(Duration::from_secs(60)), None] {
                let connector = connector.clone().handshake_limit(limit);
                let acceptor = acceptor.clone().handshake_limit(limit);
                let senseless = |error: io::Error| {
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{kind}: {error}");
                };
                let (a, mut b) = half_pair(&context);
                b.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
                senseless(connector.connect(a, "localhost").blocking().unwrap_err());
                let (a, mut b) = half_pair(&context);
                b.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
                    .unwrap();
                senseless(acceptor.accept(a).blocking().unwrap_err());
                let hung_up = |error: io::Error| {
                    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{kind}: {error}");
                };
                let (a, b) = half_pair(&context);
                b.shutdown(std::net::Shutdown::Write).unwrap();
                hung_up(connector.connect(a, "localhost").blocking().unwrap_err());
                let (a, b) = half_pair(&context);
                drop(b);
                hung_up(acceptor.accept(a).blocking().unwrap_err());
            }
            // Asked to stop.
            let (a, mut b) = half_pair(&context);
            let mut connecting = Polled::new(connector.connect(a, "localhost"));
            assert!(connecting.poll().is_pending());
            drop(connecting);
            let mut hello = Vec::new();
            b.read_to_end(&mut hello).unwrap();
            assert!(!hello.is_empty(), "{kind}");
        }
    });
}

#[test]
fn a_name_that_is_none() {
    let context = IoContext::new().unwrap();
    let authority = Authority::new("authority");
    let (a, _b) = half_pair(&context);
    let connector = &authority.connectors()[0].1;
    let error = connector.connect(a, "no name!").blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// What both ends have agreed on, and what has been shown.
#[test]
fn what_is_known_of_the_other_end() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let authority = Authority::new("authority");
        let shown = authority.shown("localhost", 2100);
        let acceptor = with_protocols(shown.config(), &["two", "three"]);
        let mut config = authority.config();
        config.alpn_protocols = vec![b"one".to_vec(), b"two".to_vec()];
        let mut connectors = authority.connectors();
        connectors[0].1 = config.into();
        for (kind, connector) in connectors {
            let (a, b) = drive(&context, async {
                connected((&connector, &acceptor), pair(&context)).await
            });
            assert_eq!(a.alpn_protocol().unwrap(), b"two", "{kind}");
            assert_eq!(b.alpn_protocol().unwrap(), b"two", "{kind}");
            assert_eq!(
                a.peer_certificate().unwrap(),
                &shown.certificate.der()[..],
                "{kind}"
            );
            assert_eq!(b.peer_certificate(), None, "{kind}");
        }
    });
}
