//! Streams whose type is erased do what they do otherwise, under every token.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::{
    Transport, async_read_exact, read_buf, read_exact, read_to_end, read_until, write_all,
};
use async_op::net::AnyStream;
use async_op::token::{UsePromise, local};
use async_op::{
    Blocking, Detached, IoContext, IoExecutor, IoObject, UseFuture, bind_allocator,
    bind_cancellation_slot, is_cancelled, spawn,
};
use async_op_tests::net::{LocalStream, both, drive, local_pair, pair, pattern};
use async_op_tests::{Log, Polled, Recorder, Step, TestStream, Yours};

type Ends = (AnyStream, AnyStream);

/// Two ends of each kind.
fn kinds(context: &IoContext) -> [(&'static str, Ends); 4] {
    fn erased<S: Transport>((a, b): (S, S)) -> Ends {
        (AnyStream::new(a), AnyStream::new(b))
    }

    let local = || local_pair(context);
    [
        ("TCP", erased(pair(context))),
        ("local", erased(local())),
        ("yours", erased(Yours::pair(context))),
        ("erased twice", erased(erased(local()))),
    ]
}

#[test]
fn every_token() {
    let context = IoContext::new().unwrap();
    for (kind, (a, b)) in kinds(&context) {
        assert!(a.executor() == context.executor(), "{kind}");
        // Blocking.
        assert_eq!(a.write_some("one").blocking().unwrap(), 3, "{kind}");
        assert_eq!(
            b.async_read_some(&mut [0; 9], Blocking).unwrap(),
            3,
            "{kind}"
        );
        let (a, b) = (a.with_default_token::<Blocking>(), b);
        assert_eq!(a.write_some("two").unwrap(), 3, "{kind}");
        let a = a.into_inner();
        // A callback, one that is not `Send`, and none.
        let (sender, receiver) = channel();
        b.async_read_some(
            vec![0; 9],
            move |result: io::Result<usize>, buffer: Vec<u8>| {
                sender.send((result.unwrap(), buffer)).unwrap();
            },
        );
        context.restart();
        assert_eq!(context.run(), 1);
        let (n, buffer) = receiver.recv().unwrap();
        assert_eq!(&buffer[..n], b"two", "{kind}");
        let here = std::rc::Rc::new(());
        b.read_some([0; 5])
            .with(local(move |result: io::Result<usize>, buffer: [u8; 5]| {
                let _ = &here;
                assert_eq!((result.unwrap(), &buffer), (5, b"three"));
            }));
        a.async_write_some("three", Detached);
        context.restart();
        assert!(context.run() > 0, "{kind}");
        // Futures.
        drive(&context, async {
            let mut buffer = [0; 9];
            let (n, m) = both(b.read_some(&mut buffer), a.write_some("four")).await;
            assert_eq!((n.unwrap(), m.unwrap()), (4, 4));
            a.async_write_some("five", UseFuture).await.unwrap();
            assert_eq!(b.async_read_some(&mut buffer, UseFuture).await.unwrap(), 4);
        });
        let promise = b.async_read_some(vec![0; 3], UsePromise);
        a.write_some("six").blocking().unwrap();
        let (n, buffer) = promise.wait().blocking();
        assert_eq!((n.unwrap(), &buffer[..]), (3, &b"six"[..]), "{kind}");
        // A task.
        let (sender, receiver) = channel();
        let text = async move { read_until(&b, Vec::new(), b'\n').await.1 };
        spawn(&context, text, move |text: Vec<u8>| {
            sender.send(text).unwrap()
        });
        write_all(&a, "seven\n").blocking().unwrap();
        context.restart();
        context.run();
        assert_eq!(receiver.recv().unwrap(), b"seven\n", "{kind}");
    }
}

#[test]
fn parts_and_buffers_that_grow() {
    let context = IoContext::new().unwrap();
    for (kind, (a, b)) in kinds(&context) {
        drive(&context, async {
            let data = pattern(1_000_000);
            let write = async {
                let parts = (&data[..10], [&data[10..500], &data[500..]]);
                write_all(&a, parts).await.0.unwrap();
            };
            let read = async {
                let parts = ([0; 3], vec![0; 600_000]);
                let (result, (head, mut vec)) = read_exact(&b, parts).await;
                result.unwrap();
                assert_eq!(head, data[..3], "{kind}");
                while vec.len() < data.len() - 3 {
                    assert!(read_buf(&b, &mut vec).await.unwrap() > 0);
                }
                assert_eq!(vec, data[3..], "{kind}");
            };
            both(write, read).await;
            let empty = b.read_some(Vec::<u8>::new()).await.0;
            assert_eq!(empty.unwrap_err().kind(), ErrorKind::InvalidInput, "{kind}");
            assert_eq!(b.read_some(&mut []).await.unwrap(), 0, "{kind}");
            assert_eq!(a.write_some("").await.unwrap(), 0, "{kind}");
        });
    }
}

#[test]
fn stopped() {
    let context = IoContext::new().unwrap();
    for (kind, (a, b)) in kinds(&context) {
        let signal = CancellationSignal::new();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let handler = move |result: io::Result<usize>, _: [u8; 9]| {
            assert!(is_cancelled(&result.unwrap_err()));
            counted.fetch_add(1, Ordering::SeqCst);
        };
        b.async_read_some([0; 9], bind_cancellation_slot(signal.slot(), handler));
        signal.emit(CancellationType::TOTAL);
        context.restart();
        assert_eq!(context.run(), 1, "{kind}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "{kind}");
        // One that is dropped has read nothing.
        let mut buffer = [0; 9];
        {
            let mut read = Polled::new(b.read_some(&mut buffer));
            assert!(read.poll().is_pending(), "{kind}");
        }
        a.write_some("hello").blocking().unwrap();
        assert_eq!(b.read_some(&mut buffer).blocking().unwrap(), 5, "{kind}");
    }
}

/// All operations of a socket end, whatever it is called.
#[test]
fn cancelled_as_all_of_the_socket() {
    let context = IoContext::new().unwrap();
    let (a, b) = pair(&context);
    let erased = AnyStream::new(b.clone());
    let mut read = Polled::new(erased.read_some([0; 9]));
    assert!(read.poll().is_pending());
    b.cancel();
    assert!(is_cancelled(&read.ready().0.unwrap_err()));
    // Those that begin later do not.
    a.write_some("hello").blocking().unwrap();
    assert_eq!(erased.read_some(&mut [0; 9]).blocking().unwrap(), 5);
}

#[test]
fn the_end() {
    let context = IoContext::new().unwrap();
    for (kind, (a, b)) in kinds(&context) {
        write_all(&a, "all").blocking().unwrap();
        a.finish().blocking().unwrap();
        let mut text = Vec::new();
        if kind != "yours" {
            assert_eq!(read_to_end(&b, &mut text).blocking().unwrap(), 3, "{kind}");
            // The other direction is open.
            write_all(&b, "answer").blocking().unwrap();
            read_exact(&a, &mut [0; 6]).blocking().unwrap();
        }
        a.close();
        let ended = read_to_end(&b, &mut text).blocking().unwrap();
        assert_eq!(
            (ended, &text[..]),
            (if kind == "yours" { 3 } else { 0 }, &b"all"[..])
        );
        assert_eq!(a.read_some(&mut [0; 9]).blocking().unwrap(), 0, "{kind}");
    }
}

#[test]
fn here_and_now() {
    let context = IoContext::new().unwrap();
    for (kind, (a, b)) in kinds(&context) {
        match a.try_write_some(b"now") {
            Ok(n) => {
                assert_ne!(kind, "yours");
                assert_eq!(n, 3);
                assert_eq!(b.read_some(&mut [0; 9]).blocking().unwrap(), 3, "{kind}");
            }
            Err(error) => {
                assert_eq!((error.kind(), kind), (ErrorKind::WouldBlock, "yours"));
            }
        }
    }
}

/// A stream that does as it is told: what it is asked, and what comes of that.
#[test]
fn one_of_yours() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"hello")
        .reads([Step::Move(2), Step::Fail(ErrorKind::BrokenPipe)])
        .writes([Step::Move(3), Step::Move(1)]);
    let any = AnyStream::new(stream.clone());
    let mut buffer = [0; 9];
    assert_eq!(any.read_some(&mut buffer).blocking().unwrap(), 2);
    let error = any.read_some(&mut buffer).blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    write_all(&any, ("ab", "cdef")).blocking().0.unwrap();
    assert_eq!(
        (stream.written(), stream.calls()),
        (b"abcdef".to_vec(), (2, 3))
    );
    assert_eq!(stream.closed(), 0);
    any.close();
    assert_eq!(stream.closed(), 1);
    assert!(any.downcast_ref::<TestStream>().is_some());
    assert!(any.downcast_ref::<LocalStream>().is_none());
    // One handle is in it, whoever holds it.
    let other = any.clone();
    assert_eq!(stream.handles(), 2);
    drop((any, other));
    assert_eq!(stream.handles(), 1);
}

/// No memory of the operation's allocator beyond its own, of a socket; one block more of other
/// streams, while it is under way.
#[test]
fn memory() {
    let context = IoContext::new().unwrap();
    for (kind, (a, b)) in kinds(&context) {
        let recorder = Recorder::new(&Log::new());
        let handler = |result: io::Result<()>, _: [u8; 5]| result.unwrap();
        async_read_exact(&b, [0; 5], bind_allocator(recorder.clone(), handler));
        write_all(&a, "hello").blocking().unwrap();
        context.restart();
        assert!(context.run() > 0);
        let blocks = if kind == "yours" { 2 } else { 1 };
        assert_eq!(
            (recorder.allocations(), recorder.peak()),
            (blocks, blocks),
            "{kind}"
        );
        recorder.assert_balanced();
    }
}

/// What needs an executor by name finds it.
#[test]
fn it_is_a_transport_of_any_thread() {
    fn check<T: Transport + IoObject<Executor = IoExecutor> + Send + Sync + Unpin>() {}
    check::<AnyStream>();
}
