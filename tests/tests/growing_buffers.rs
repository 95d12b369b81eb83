//! Reads into buffers that grow, and into those that have no length.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

use async_op::cancel::{CancellationSignal, cancelled};
use async_op::io::{
    AsyncReadStream, DynamicBuffer, async_read_buf, error_again, read, read_buf, read_exact,
    read_to_end, read_until, transfer_all, transfer_exactly, write_all,
};
#[cfg(unix)]
use async_op::net::connect_pipe;
use async_op::net::{AnyStream, TcpStream};
use async_op::{Blocking, IoContext, bind_cancellation_slot, is_cancelled, is_timeout};
use async_op_tests::net::{both, drive, local_pair, pair, pattern};
use async_op_tests::{Polled, Step, TestStream, Yours};
use bytes::BytesMut;

/// A buffer of somebody else's, that knows nothing of memory without value.
#[derive(Debug, Default)]
struct Theirs(Vec<u8>);

impl DynamicBuffer for &mut Theirs {
    type Completion<R> = fn(R);
    type Output<R> = R;

    fn capacity(&self) -> usize {
        self.0.len()
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn resize(&mut self, len: usize) {
        self.0.resize(len, 0);
    }

    fn completed<R>(self, result: R) -> R {
        result
    }
}

/// Two reads into each kind of buffer, from what has two times `hello`.
fn all_kinds<R: AsyncReadStream>(reader: R, hello: impl Fn()) {
    let (mut vec, mut bytes, mut theirs) = (Vec::new(), BytesMut::new(), Theirs::default());
    for round in 1..3 {
        hello();
        assert_eq!(read_buf(&reader, &mut vec).blocking().unwrap(), 5);
        hello();
        assert_eq!(read_buf(&reader, &mut bytes).blocking().unwrap(), 5);
        hello();
        assert_eq!(read_buf(&reader, &mut theirs).blocking().unwrap(), 5);
        let all = b"hellohello";
        assert_eq!(vec, all[..5 * round]);
        assert_eq!(bytes, all[..5 * round]);
        assert_eq!(theirs.0, all[..5 * round]);
    }
    hello();
    let (result, vec) = read_buf(&reader, vec).blocking();
    assert_eq!((result.unwrap(), vec.len()), (5, 15));
    hello();
    let (result, bytes) = read_buf(&reader, bytes).blocking();
    assert_eq!((result.unwrap(), bytes.len()), (5, 15));
    // As long as it may become.
    hello();
    let (result, vec) = read_buf(&reader, vec.at_most(18)).blocking();
    assert_eq!((result.unwrap(), vec.len()), (3, 18));
    let (result, vec) = read_buf(&reader, vec.at_most(18)).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!((&vec[15..], vec.len()), (&b"hel"[..], 18));
    let (result, vec) = read_buf(&reader, vec).blocking();
    assert_eq!((result.unwrap(), &vec[15..]), (2, &b"hello"[..]));
}

#[test]
fn of_a_socket() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = pair(&context);
    all_kinds(reader, || write_all(&writer, "hello").blocking().unwrap());
    let (reader, writer) = local_pair(&context);
    let reader = reader.with_default_token::<Blocking>();
    all_kinds(reader, || write_all(&writer, "hello").blocking().unwrap());
}

#[cfg(unix)]
#[test]
fn of_a_pipe() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = connect_pipe(&context).unwrap();
    all_kinds(reader, || write_all(&writer, "hello").blocking().unwrap());
}

#[test]
fn of_a_stream_of_yours() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"");
    all_kinds(stream.clone(), || stream.feed(b"hello"));
}

/// What is spare is used, and not written to before; but elsewhere than on Unix the standard
/// library reads into memory that has a value alone.
#[cfg(unix)]
#[test]
fn nothing_is_zeroed() {
    fn spare_of(stream: &TcpStream) -> Vec<u8> {
        let mut vec = vec![7; 64];
        vec.clear();
        assert_eq!(read_buf(stream, &mut vec).blocking().unwrap(), 5);
        assert_eq!(vec.capacity(), 64);
        // SAFETY: all of it has been written to above.
        unsafe { vec.set_len(64) };
        vec
    }

    let context = IoContext::new().unwrap();
    let (reader, writer) = pair(&context);
    write_all(&writer, "hello").blocking().unwrap();
    let vec = spare_of(&reader);
    assert_eq!(vec[..5], *b"hello");
    assert_eq!(vec[5..], [7; 59]);
}

#[test]
fn with_a_callback_and_cancelled() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = pair(&context);
    async_read_buf(
        &reader,
        Vec::new(),
        |result: io::Result<usize>, vec: Vec<u8>| {
            assert_eq!((result.unwrap(), &vec[..]), (5, &b"hello"[..]));
        },
    );
    write_all(&writer, "hello").callback(|result| result.unwrap());
    assert_eq!(context.run(), 2);

    let signal = CancellationSignal::new();
    let handler = |result: io::Result<usize>, vec: Vec<u8>| {
        assert!(is_cancelled(&result.unwrap_err()));
        assert_eq!(vec, b"before");
    };
    let token = bind_cancellation_slot(signal.slot(), handler);
    async_read_buf(&reader, b"before".to_vec(), token);
    signal.emit(async_op::cancel::CancellationType::TOTAL);
    context.restart();
    assert_eq!(context.run(), 1);
}

/// One that is dropped leaves the buffer as it was, and what comes to others.
#[test]
fn dropped() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = pair(&context);
    let stalled = TestStream::new(&context, b"world").reads([Step::Stall]);
    let mut vec = b"hello".to_vec();
    {
        let mut read = Polled::new(read_buf(&reader, &mut vec));
        assert!(read.poll().is_pending());
        context.poll();
    }
    assert_eq!(vec, b"hello");
    {
        let mut read = Polled::new(read_buf(&stalled, &mut vec));
        assert!(read.poll().is_pending());
    }
    assert_eq!(vec, b"hello");
    write_all(&writer, "world").blocking().unwrap();
    assert_eq!(read_buf(&reader, &mut vec).blocking().unwrap(), 5);
    assert_eq!(vec, b"helloworld");
}

#[test]
fn to_the_end() {
    let context = IoContext::new().unwrap();
    let data = pattern(300_000);
    let (reader, writer) = pair(&context);
    drive(&context, async {
        let mut vec = b"before".to_vec();
        let write = async {
            write_all(&writer, &data).await.unwrap();
            drop(writer);
        };
        let (n, ()) = both(read_to_end(&reader, &mut vec), write).await;
        assert_eq!(n.unwrap(), 300_000);
        assert_eq!((&vec[..6], &vec[6..]), (&b"before"[..], &data[..]));
        // At the end nothing comes, and nothing grows.
        let capacity = vec.capacity();
        assert_eq!(read_to_end(&reader, &mut vec).await.unwrap(), 0);
        assert_eq!(vec.capacity(), capacity);
        assert_eq!(read_buf(&reader, &mut vec).await.unwrap(), 0);
    });
}

/// A buffer of just the right size stays the same.
#[test]
fn to_the_end_of_what_fits() {
    let context = IoContext::new().unwrap();
    let data = pattern(1000);
    let stream = TestStream::new(&context, &data);
    let mut vec = Vec::with_capacity(1000);
    assert_eq!(read_to_end(&stream, &mut vec).blocking().unwrap(), 1000);
    assert_eq!((&vec, vec.capacity()), (&data, 1000));
    assert_eq!(stream.calls().0, 2);
    // One byte more, and it grows.
    let stream = TestStream::new(&context, &data);
    let mut vec = Vec::with_capacity(999);
    assert_eq!(read_to_end(&stream, &mut vec).blocking().unwrap(), 1000);
    assert_eq!(vec, data);
}

#[test]
fn to_the_end_within_a_limit() {
    let context = IoContext::new().unwrap();
    for (limit, fits) in [(0, false), (9, false), (10, true), (11, true)] {
        let stream = TestStream::new(&context, b"0123456789");
        let (result, vec) = read_to_end(&stream, Vec::new().at_most(limit)).blocking();
        match result {
            Ok(n) => assert_eq!((n, fits), (10, true)),
            Err(error) => assert_eq!((error.kind(), fits), (ErrorKind::InvalidData, false)),
        }
        assert_eq!(vec, b"0123456789"[..limit.min(10)]);
    }
    let stream = TestStream::new(&context, b"0123456789");
    let (result, bytes) = read_to_end(&stream, BytesMut::new()).blocking();
    assert_eq!((result.unwrap(), &bytes[..]), (10, &b"0123456789"[..]));
}

#[test]
fn what_was_read_before_an_error_is_there() {
    let context = IoContext::new().unwrap();
    let steps = [
        Step::Move(4),
        Step::Move(3),
        Step::Fail(ErrorKind::BrokenPipe),
    ];
    let stream = TestStream::new(&context, b"0123456789").reads(steps);
    let mut vec = Vec::new();
    let error = read_to_end(&stream, &mut vec).blocking().unwrap_err();
    assert_eq!(
        (error.kind(), &vec[..]),
        (ErrorKind::BrokenPipe, &b"0123456"[..])
    );
    // And it goes on from there.
    assert_eq!(read_to_end(&stream, &mut vec).blocking().unwrap(), 3);
    assert_eq!(vec, b"0123456789");
}

/// 0 bytes would be taken for the end.
#[test]
fn an_empty_vec_is_no_buffer() {
    fn check(stream: &TcpStream) {
        let is_input = |error: io::Error| assert_eq!(error.kind(), ErrorKind::InvalidInput);
        is_input(stream.read_some(&mut Vec::new()).blocking().unwrap_err());
        is_input(stream.read_some(Vec::<u8>::new()).blocking().0.unwrap_err());
        is_input(
            stream
                .read_some(&mut BytesMut::new())
                .blocking()
                .unwrap_err(),
        );
        is_input(stream.read_some(BytesMut::new()).blocking().0.unwrap_err());
        let transfer = read(stream, &mut Vec::new(), transfer_all()).blocking();
        assert_eq!(transfer.bytes, 0);
        is_input(transfer.result.unwrap_err());
        let (transfer, _) = read(stream, Vec::<u8>::new(), |_| 1).blocking();
        is_input(transfer.result.unwrap_err());
        // These ask for nothing.
        let transfer = read(stream, &mut Vec::new(), transfer_exactly(0)).blocking();
        assert_eq!(transfer.into_result().unwrap(), 0);
        read_exact(stream, &mut Vec::new()).blocking().unwrap();
        assert_eq!(stream.read_some(&mut []).blocking().unwrap(), 0);
        let transfer = read(stream, &mut [0; 0][..], transfer_all()).blocking();
        assert_eq!(transfer.into_result().unwrap(), 0);
    }

    let context = IoContext::new().unwrap();
    let (reader, writer) = pair(&context);
    check(&reader);
    write_all(&writer, "hello").blocking().unwrap();
    check(&reader);
    let end = read_until(&reader, &mut Vec::new(), b'o')
        .blocking()
        .unwrap();
    assert_eq!(end, 5);
}

#[test]
fn what_one_writes() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"");
    drive(&context, async {
        let (text, bytes) = (String::from("a"), b"b".to_vec());
        let boxed: Box<[u8]> = Box::from(*b"c");
        let shared: std::sync::Arc<[u8]> = std::sync::Arc::from(*b"d");
        write_all(&stream, &text).await.unwrap();
        write_all(&stream, &bytes).await.unwrap();
        write_all(&stream, &bytes[..]).await.unwrap();
        write_all(&stream, &boxed).await.unwrap();
        write_all(&stream, &shared).await.unwrap();
        write_all(&stream, &BytesMut::from("g")).await.unwrap();
        write_all(&stream, text).await.0.unwrap();
    });
    assert_eq!(stream.written(), b"abbcdga");
}

#[test]
fn an_error_again() {
    assert!(is_cancelled(&error_again(&cancelled())));
    assert!(is_timeout(&error_again(&ErrorKind::TimedOut.into())));
    let error = io::Error::new(ErrorKind::InvalidData, "text");
    let again = error_again(&error_again(&error));
    assert_eq!(
        (again.kind(), again.to_string()),
        (ErrorKind::InvalidData, "text".into())
    );
}

/// A buffer of somebody else's that cannot be resized, one way or the other.
struct Stubborn(Vec<u8>, fn(&mut Vec<u8>, usize));

impl DynamicBuffer for Stubborn {
    type Completion<R> = fn(R);
    type Output<R> = R;

    fn capacity(&self) -> usize {
        self.0.len()
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn resize(&mut self, len: usize) {
        self.1(&mut self.0, len);
    }

    fn completed<R>(self, result: R) -> R {
        result
    }
}

#[test]
fn a_buffer_that_does_not_grow_is_no_end() {
    let context = IoContext::new().unwrap();
    let (a, b) = local_pair(&context);
    write_all(&a, "data").blocking().unwrap();
    let ours = AnyStream::new(b.clone());
    let theirs = AnyStream::new(Yours(b));
    let ways: [fn(&mut Vec<u8>, usize); 2] = [|_, _| {}, |_, _| panic!("as it should")];
    for resize in ways {
        for stream in [&ours, &theirs] {
            let read = || read_buf(stream, Stubborn(Vec::new(), resize)).blocking();
            // A panic of its own, and not one on top of another.
            assert!(catch_unwind(AssertUnwindSafe(read)).is_err());
        }
    }
    let mut vec = Vec::new();
    assert_eq!(read_buf(&theirs, &mut vec).blocking().unwrap(), 4);
}
