//! Operations made of several reads and writes, on a stream that does as it is
//! told: how often they call it, and what they say however it goes.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::{
    AsyncReadStream, AsyncWriteStream, CompletionCondition, DynamicBuffer, ReadBuffer, Transfer,
    WriteBuffer, async_copy, async_read, async_read_exact, async_read_until, async_write,
    async_write_all, copy, read, read_exact, read_until, transfer_all, transfer_at_least,
    transfer_exactly, write, write_all,
};
use async_op::{
    Handler, IoContext, IoExecutor, IoObject, UseFuture, bind_cancellation_slot, is_cancelled,
};
use async_op_tests::net::pattern;
use async_op_tests::{Log, Polled, Probe, Recorder, Step, TestStream};

const TERMINAL: CancellationType = CancellationType::TERMINAL;
const PARTIAL: CancellationType = CancellationType::PARTIAL;
const TOTAL: CancellationType = CancellationType::TOTAL;

/// How far it got, and why no further.
fn outcome(transfer: &Transfer) -> String {
    format!("{} {}", transfer.bytes, word(&transfer.result))
}

fn word<T>(result: &io::Result<T>) -> String {
    match result {
        Ok(_) => "ok".into(),
        Err(error) if is_cancelled(error) => "cancelled".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn conditions_say_when_it_is_enough() {
    let context = IoContext::new().unwrap();
    // (bytes, calls) with 3 bytes per call and a buffer for 10.
    macro_rules! check {
        ($condition:expr, $bytes:expr, $calls:expr) => {{
            let stream = TestStream::new(&context, &pattern(20)).otherwise(Step::Move(3));
            let mut buffer = [255; 10];
            let transfer = read(&stream, &mut buffer, $condition).blocking();
            assert_eq!(transfer.into_result().unwrap(), $bytes);
            assert_eq!(buffer[..$bytes], pattern($bytes));
            assert_eq!(buffer[$bytes..], [255; 10][$bytes..]);
            assert_eq!(stream.unread(), 20 - $bytes);
            let transfer = write(&stream, &buffer, $condition).blocking();
            assert_eq!(transfer.into_result().unwrap(), $bytes);
            assert_eq!(stream.written(), pattern($bytes));
            assert_eq!(stream.calls(), ($calls, $calls));
        }};
    }
    check!(transfer_all(), 10, 4);
    check!(transfer_at_least(0), 0, 0);
    check!(transfer_at_least(1), 3, 1);
    check!(transfer_at_least(3), 3, 1);
    check!(transfer_at_least(4), 6, 2);
    check!(transfer_at_least(10), 10, 4);
    check!(transfer_at_least(11), 10, 4);
    check!(transfer_exactly(0), 0, 0);
    check!(transfer_exactly(1), 1, 1);
    check!(transfer_exactly(3), 3, 1);
    check!(transfer_exactly(4), 4, 2);
    check!(transfer_exactly(10), 10, 4);
    check!(transfer_exactly(usize::MAX), 10, 4);
    // Two at a time, and no more than seven.
    check!(|n: usize| 2.min(7_usize.saturating_sub(n)), 7, 4);
    check!(|_| usize::MAX - 1, 10, 4);
    check!(|n| if n == 6 { 0 } else { 7 }, 6, 2);
}

#[test]
fn a_condition_that_asks_for_less_than_there_is() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, &pattern(20));
    let transfer = read(&stream, &mut [0; 10], transfer_exactly(4)).blocking();
    assert_eq!(transfer.into_result().unwrap(), 4);
    assert_eq!(stream.unread(), 16);
    let parts = (["ab", "cd"], "ef");
    let (transfer, _) = write(&stream, parts, transfer_exactly(5)).blocking();
    assert_eq!(transfer.into_result().unwrap(), 5);
    assert_eq!(stream.written(), b"abcde");
    // As much as there is room for, where all the rest is not asked for.
    let transfer = read(&stream, &mut [0; 10], transfer_at_least(1)).blocking();
    assert_eq!(transfer.into_result().unwrap(), 10);
    assert_eq!(stream.calls(), (2, 1));
}

#[test]
fn nothing_to_transfer() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"").otherwise(Step::Fail(ErrorKind::TimedOut));
    let transfer = read(&stream, &mut [], transfer_all()).blocking();
    assert_eq!(outcome(&transfer), "0 ok");
    let transfer = write(&stream, "", transfer_all()).blocking();
    assert_eq!(outcome(&transfer), "0 ok");
    read_exact(&stream, &mut []).blocking().unwrap();
    write_all(&stream, "").blocking().unwrap();
    let (result, _) = write_all(&stream, (vec![String::new(); 30], [0; 0])).blocking();
    result.unwrap();
    assert_eq!(stream.calls(), (0, 0));
    // By callback, not from inside the initiating function.
    let log = Log::new();
    let (a, b) = (log.clone(), log.clone());
    async_read(&stream, [0; 0], transfer_all(), move |transfer, _| {
        a.push(outcome(&transfer));
    });
    async_write_all(&stream, vec![0; 0], move |result, _| b.push(word(&result)));
    assert_eq!(log.take(), "");
    assert_eq!(context.run(), 2);
    assert_eq!(log.take(), "0 ok ok");
}

#[test]
fn the_end_in_the_middle() {
    let context = IoContext::new().unwrap();
    let stream = || {
        let steps = [Step::Move(2), Step::Move(1), Step::End];
        TestStream::new(&context, b"abcdef")
            .reads(steps)
            .writes(steps)
    };
    let mut buffer = [0; 5];
    let transfer = read(&stream(), &mut buffer, transfer_all()).blocking();
    assert_eq!(outcome(&transfer), "3 UnexpectedEof");
    assert_eq!(&buffer, b"abc\0\0");
    let transfer = write(&stream(), "vwxyz", transfer_all()).blocking();
    assert_eq!(outcome(&transfer), "3 WriteZero");
    let result = read_exact(&stream(), &mut [0; 5]).blocking();
    assert_eq!(word(&result), "UnexpectedEof");
    assert_eq!(word(&write_all(&stream(), "vwxyz").blocking()), "WriteZero");
    let mut buffer = b"_".to_vec();
    let result = read_until(&stream(), &mut buffer, b'\n').blocking();
    assert_eq!(
        (word(&result), &buffer[..]),
        ("UnexpectedEof".into(), &b"_abc"[..])
    );
    // Enough before the end.
    let transfer = read(&stream(), &mut [0; 5], transfer_at_least(3)).blocking();
    assert_eq!(outcome(&transfer), "3 ok");
}

#[test]
fn an_error_in_the_middle() {
    let context = IoContext::new().unwrap();
    let steps = [
        Step::Move(2),
        Step::Move(1),
        Step::Fail(ErrorKind::TimedOut),
    ];
    let stream = || {
        TestStream::new(&context, b"abcdef")
            .reads(steps)
            .writes(steps)
    };
    let (transfer, buffer) = read(&stream(), vec![0; 5], transfer_all()).blocking();
    assert_eq!(
        (outcome(&transfer), &buffer[..]),
        ("3 TimedOut".into(), &b"abc\0\0"[..])
    );
    let transfer = write(&stream(), "vwxyz", transfer_all()).blocking();
    assert_eq!(outcome(&transfer), "3 TimedOut");
    assert_eq!(
        word(&read_exact(&stream(), &mut [0; 5]).blocking()),
        "TimedOut"
    );
    assert_eq!(word(&write_all(&stream(), "vwxyz").blocking()), "TimedOut");
    let (result, buffer) = read_until(&stream(), Vec::new(), b'\n').blocking();
    assert_eq!(
        (word(&result), &buffer[..]),
        ("TimedOut".into(), &b"abc"[..])
    );
}

/// Every composed operation on `stream`, started with the slot of `signal`, which
/// writes how it went to `log`.
fn start(which: usize, stream: &TestStream, signal: &CancellationSignal, log: &Log) {
    let log = log.clone();
    macro_rules! token {
        (|$($argument:ident),+| $entry:expr) => {
            bind_cancellation_slot(signal.slot(), move |$($argument),+| log.push($entry))
        };
    }
    match which {
        0 => async_read(
            stream,
            vec![0; 9],
            transfer_all(),
            token!(|t, _buffer| outcome(&t)),
        ),
        1 => async_read_exact(stream, vec![0; 9], token!(|r, _buffer| word(&r))),
        2 => async_write(
            stream,
            vec![0; 9],
            transfer_all(),
            token!(|t, _buffer| outcome(&t)),
        ),
        3 => async_write_all(stream, vec![0; 9], token!(|r, _buffer| word(&r))),
        4 => async_read_until(
            stream,
            b"_".to_vec(),
            b'\n',
            token!(|r, buffer| format!("{} {}", Vec::len(&buffer), word(&r))),
        ),
        _ => async_copy(stream, stream, token!(|t| outcome(&t))),
    }
}

/// What they say when they are cancelled after two bytes.
const CANCELLED: [&str; 6] = [
    "2 cancelled",
    "cancelled",
    "2 cancelled",
    "cancelled",
    "3 cancelled",
    "2 cancelled",
];

/// A stream that stalls after two bytes; for a copy while it reads.
fn stalls_after_two(context: &IoExecutor, which: usize) -> TestStream {
    let steps = [Step::Move(1), Step::Move(1), Step::Stall];
    let stream = TestStream::new(context, b"abcdefgh\n");
    match which {
        5 => stream.reads(steps),
        _ => stream.reads(steps).writes(steps),
    }
}

#[test]
fn cancelled_while_they_wait() {
    for (which, expected) in CANCELLED.iter().enumerate() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let stream = stalls_after_two(&context, which);
        let signal = CancellationSignal::new();
        start(which, &stream, &signal, &log);
        assert_eq!(context.poll(), 0);
        // None of them can undo what it has done.
        signal.emit(TOTAL);
        assert_eq!((context.poll(), log.take()), (0, String::new()));
        signal.emit(PARTIAL);
        // These do not say how far they got.
        if [1, 3].contains(&which) {
            assert_eq!((context.poll(), log.take()), (0, String::new()));
            signal.emit(TERMINAL);
        }
        context.run();
        assert_eq!(log.take(), *expected, "operation {which}");
        assert_eq!(stream.handles(), 1);
        // It is over: nothing more happens.
        signal.emit(CancellationType::ALL);
        context.restart();
        assert_eq!(context.run(), 0);
    }
}

#[test]
fn cancelled_before_they_start() {
    for which in 0..6 {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let stream = stalls_after_two(&context, which);
        let signal = CancellationSignal::new();
        signal.emit(CancellationType::ALL);
        start(which, &stream, &signal, &log);
        stream.resume();
        stream.resume();
        context.run();
        let expected = ["9 ok", "ok", "9 ok", "ok", "10 ok", "9 ok"][which];
        assert_eq!(log.take(), expected, "operation {which}");
    }
}

#[test]
fn requested_when_the_last_step_is_done() {
    for which in 0..6 {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let steps = [Step::Move(2), Step::Stall];
        let stream = TestStream::new(&context, b"abcdefgh\n");
        let stream = match which {
            5 => stream.reads(steps),
            _ => stream.reads(steps).writes(steps),
        };
        let signal = CancellationSignal::new();
        start(which, &stream, &signal, &log);
        stream.resume();
        signal.emit(TERMINAL);
        context.run();
        // What a copy has read it writes; but it has not seen the end.
        let expected = ["9 ok", "ok", "9 ok", "ok", "10 ok", "9 cancelled"][which];
        assert_eq!(log.take(), expected, "operation {which}");
    }
}

/// A stream that is always ready, and so never looks for requests; it emits one
/// at its second call.
#[derive(Clone)]
struct Tireless {
    executor: IoExecutor,
    signal: Arc<CancellationSignal>,
    calls: Arc<AtomicUsize>,
}

impl Tireless {
    fn call(&self) -> io::Result<usize> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 1 {
            self.signal.emit(TERMINAL);
        }
        Ok(1)
    }
}

impl IoObject for Tireless {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.executor
    }
}

impl AsyncReadStream for Tireless {
    async fn read_after<B: ReadBuffer>(&self, _: &mut B, _: usize) -> io::Result<usize> {
        self.call()
    }
}

impl AsyncWriteStream for Tireless {
    async fn write_after<B: WriteBuffer>(&self, _: &mut B, _: usize) -> io::Result<usize> {
        self.call()
    }
}

#[test]
fn requests_are_honoured_between_steps_whatever_the_stream() {
    for which in 0..6 {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let signal = Arc::new(CancellationSignal::new());
        let stream = Tireless {
            executor: context.executor(),
            signal: Arc::clone(&signal),
            calls: Arc::default(),
        };
        let inner = log.clone();
        macro_rules! token {
            (|$($argument:ident),+| $entry:expr) => {
                bind_cancellation_slot(signal.slot(), move |$($argument),+| inner.push($entry))
            };
        }
        match which {
            0 => async_read(
                &stream,
                vec![0; 9],
                transfer_all(),
                token!(|t, _b| outcome(&t)),
            ),
            1 => async_read_exact(&stream, vec![0; 9], token!(|r, _b| word(&r))),
            2 => async_write(
                &stream,
                vec![0; 9],
                transfer_all(),
                token!(|t, _b| outcome(&t)),
            ),
            3 => async_write_all(&stream, vec![0; 9], token!(|r, _b| word(&r))),
            4 => async_read_until(
                &stream,
                Vec::new().at_most(9),
                b'\n',
                token!(|r, b| format!("{} {}", Vec::len(&b), word(&r))),
            ),
            _ => {
                let source = TestStream::new(&context, b"abcd").otherwise(Step::Move(1));
                async_copy(&source, &stream, token!(|t| outcome(&t)));
            }
        }
        context.run();
        let expected = [
            "2 cancelled",
            "cancelled",
            "2 cancelled",
            "cancelled",
            "2 cancelled",
            "2 cancelled",
        ][which];
        assert_eq!(log.take(), expected, "operation {which}");
    }
}

#[test]
fn a_stream_whose_last_handle_is_dropped() {
    for which in 0..6 {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let stream = stalls_after_two(&context, which);
        let (stalled, signal) = (stream.clone(), CancellationSignal::new());
        start(which, &stream, &signal, &log);
        drop(stream);
        let copy = usize::from(which == 5);
        assert_eq!(stalled.handles(), 2 + copy);
        stalled.resume();
        context.run();
        let expected = ["9 ok", "ok", "9 ok", "ok", "10 ok", "9 ok"][which];
        assert_eq!(log.take(), expected, "operation {which}");
        assert_eq!(stalled.handles(), 1);
    }
}

#[test]
fn everything_is_released_before_the_handler() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let (from, to) = (
        TestStream::new(&context, b"abc").reads([Step::Stall]),
        TestStream::new(&context, b""),
    );
    let (inner, clones) = (log.clone(), [from.clone(), to.clone()]);
    let probe = Probe::calling(&log, move |(transfer,): (Transfer,)| {
        inner.push(format!("{} {}", clones[0].handles(), clones[1].handles()));
        inner.push(outcome(&transfer));
    });
    async_copy(&from, &to, Handler(probe.allocating(&recorder)));
    // The operation, and what it copies by.
    assert_eq!(log.take(), "A0 A1");
    assert_eq!((from.handles(), to.handles()), (3, 3));
    from.resume();
    context.run();
    assert_eq!(log.take(), "D1 D0 call 2 2 3 ok");
    recorder.assert_balanced();
}

#[test]
fn a_context_dropped_under_a_callback() {
    for which in 0..6 {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let stream = stalls_after_two(&context, which);
        start(which, &stream, &CancellationSignal::new(), &log);
        assert_eq!(context.poll(), 0);
        drop(context);
        assert_eq!((log.take(), stream.handles()), (String::new(), 1));
    }
}

#[test]
fn a_context_dropped_under_a_future() {
    let context = IoContext::new().unwrap();
    let stream = stalls_after_two(&context, 0);
    let mut all = [0; 9];
    let mut reading = Polled::new(read(&stream, &mut all, transfer_all()));
    let mut writing = Polled::new(write(&stream, vec![7; 9], transfer_all()));
    assert!(reading.poll().is_pending() && writing.poll().is_pending());
    drop(context);
    assert_eq!((reading.wakes(), writing.wakes()), (1, 1));
    assert_eq!(outcome(&reading.ready()), "2 Other");
    let (transfer, buffer) = writing.ready();
    assert_eq!((outcome(&transfer), buffer), ("2 Other".into(), vec![7; 9]));
    drop(reading);
    assert_eq!(&all[..3], b"ab\0");
    assert_eq!(stream.written(), [7, 7]);
}

#[test]
fn a_dropped_read_leaves_what_it_has_read() {
    let context = IoContext::new().unwrap();
    let stream = stalls_after_two(&context, 0);
    let mut buffer = [0; 9];
    let mut reading = Polled::new(read_exact(&stream, &mut buffer));
    assert!(reading.poll().is_pending());
    assert_eq!(reading.drop_future().counts(), (0, 0));
    assert_eq!(&buffer[..3], b"ab\0");
    assert_eq!(stream.unread(), 7);
    read_exact(&stream, &mut buffer[2..]).blocking().unwrap();
    assert_eq!(&buffer, b"abcdefgh\n");
}

/// The texts, each with the place where its delimiter ends.
const TEXTS: [(&[u8], &[u8], usize); 8] = [
    (b"one\r\ntwo", b"\r\n", 5),
    (b"one\r\r\n", b"\r\n", 6),
    (b"aaab", b"aab", 4),
    (b"aaaaaaab", b"aaab", 8),
    (b"abababac", b"ababac", 8),
    (b"\nrest", b"\n", 1),
    (b"boundary--boundary--", b"boundary--b", 11),
    (b"x--x-x---x", b"---", 9),
];

#[test]
fn delimiters_split_at_every_place() {
    let context = IoContext::new().unwrap();
    for (text, delimiter, end) in TEXTS {
        for per_call in 1..=text.len() {
            for first in 1..=text.len() {
                let stream = TestStream::new(&context, text)
                    .reads([Step::Move(first)])
                    .otherwise(Step::Move(per_call));
                let mut buffer = Vec::new();
                let found = read_until(&stream, &mut buffer, delimiter).blocking();
                assert_eq!(found.unwrap(), end);
                // No more calls than it takes, and nothing lost.
                let calls = 1 + end.saturating_sub(first).div_ceil(per_call);
                assert_eq!(stream.calls(), (calls, 0));
                assert_eq!(buffer, text[..text.len() - stream.unread()]);
            }
        }
    }
}

#[test]
fn dropped_and_started_again_at_every_place() {
    let context = IoContext::new().unwrap();
    for (text, delimiter, end) in TEXTS {
        // Each operation gets one byte at the most, and is dropped.
        let steps = (0..text.len()).flat_map(|_| [Step::Stall, Step::Move(1)]);
        let stream = TestStream::new(&context, text).reads(steps);
        let (mut buffer, mut dropped) = (Vec::new(), 0);
        let found = loop {
            match Polled::new(read_until(&stream, &mut buffer, delimiter)).poll() {
                Poll::Ready(found) => break found.unwrap(),
                Poll::Pending => dropped += 1,
            }
        };
        assert_eq!((found, dropped, &buffer[..]), (end, end, &text[..end]));
    }
}

#[test]
fn cancelled_and_started_again_at_every_place() {
    let context = IoContext::new().unwrap();
    for (text, delimiter, end) in TEXTS {
        let steps = (0..text.len()).flat_map(|_| [Step::Stall, Step::Move(1)]);
        let stream = TestStream::new(&context, text).reads(steps);
        let signal = CancellationSignal::new();
        let (mut buffer, mut cancelled) = (Vec::new(), 0);
        let found = loop {
            let token = bind_cancellation_slot(signal.slot(), UseFuture);
            let future = async_read_until(&stream, &mut buffer, delimiter, token);
            let mut reading = Polled::new(future);
            if let Poll::Ready(found) = reading.poll() {
                break found.unwrap();
            }
            signal.emit(PARTIAL);
            assert!(is_cancelled(&reading.ready().unwrap_err()));
            drop(reading);
            cancelled += 1;
            assert_eq!(buffer, text[..cancelled - 1]);
        };
        assert_eq!((found, cancelled, &buffer[..]), (end, end, &text[..end]));
    }
}

#[test]
fn delimiters_of_every_kind() {
    let context = IoContext::new().unwrap();
    let find = |delimiter: &mut dyn FnMut(&TestStream, &mut Vec<u8>) -> io::Result<usize>| {
        let stream = TestStream::new(&context, b"key: value\n\nrest").otherwise(Step::Move(3));
        let mut buffer = Vec::new();
        let end = delimiter(&stream, &mut buffer).unwrap();
        (end, stream.calls().0)
    };
    macro_rules! check {
        ($delimiter:expr, $end:expr, $calls:expr) => {
            let found =
                find(&mut |stream, buffer| read_until(stream, buffer, $delimiter).blocking());
            assert_eq!(found, ($end, $calls));
        };
    }
    check!(b':', 4, 2);
    check!("\n\n", 12, 4);
    check!(b"value", 10, 4);
    check!(&b"key"[..], 3, 1);
    // Nothing is always there.
    check!("", 0, 0);
    check!(
        |bytes: &[u8]| bytes.iter().position(u8::is_ascii_whitespace),
        4,
        2
    );
    check!(|bytes: &[u8]| (bytes.len() >= 7).then_some(7), 7, 3);
}

#[test]
fn what_is_in_the_buffer_already_is_looked_at_first() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"\nthree\n");
    let mut buffer = b"one\r\ntwo\r".to_vec();
    let end = read_until(&stream, &mut buffer, "\r\n").blocking().unwrap();
    assert_eq!((end, stream.calls()), (5, (0, 0)));
    buffer.drain(..end);
    // Begun before, ended now.
    let end = read_until(&stream, &mut buffer, "\r\n").blocking().unwrap();
    assert_eq!((end, stream.calls()), (5, (1, 0)));
    assert_eq!(buffer, b"two\r\nthree\n");
}

#[test]
fn a_limit_is_exact() {
    let context = IoContext::new().unwrap();
    for per_call in 1..=9 {
        let read = |buffer: &mut Vec<u8>, most| {
            let stream = TestStream::new(&context, b"1234567\n9").otherwise(Step::Move(per_call));
            let result = read_until(&stream, buffer.at_most(most), b'\n').blocking();
            (word(&result), stream.unread())
        };
        for most in 0..8 {
            let mut buffer = Vec::new();
            assert_eq!(read(&mut buffer, most), ("InvalidData".into(), 9 - most));
            assert_eq!(buffer, b"1234567\n"[..most]);
        }
        for most in [8, 9, 10, usize::MAX] {
            let mut buffer = Vec::new();
            let got = (8_usize.div_ceil(per_call) * per_call).min(most).min(9);
            assert_eq!(read(&mut buffer, most), ("ok".into(), 9 - got));
            assert_eq!(buffer, b"1234567\n9"[..got]);
        }
        // Longer from the start: looked at, and not read into.
        let mut buffer = b"abcdef".to_vec();
        assert_eq!(read(&mut buffer, 3), ("InvalidData".into(), 9));
        assert_eq!(buffer, b"abcdef");
        let mut buffer = b"ab\ndef".to_vec();
        assert_eq!(read(&mut buffer, 3), ("ok".into(), 9));
    }
}

#[test]
fn a_long_line_takes_few_calls_and_little_memory() {
    let context = IoContext::new().unwrap();
    let mut text = vec![b'x'; 3 << 20];
    text.push(b'\n');
    let stream = TestStream::new(&context, &text);
    let mut buffer = Vec::new();
    let end = read_until(&stream, &mut buffer, b'\n').blocking().unwrap();
    assert!(end == text.len() && buffer == text);
    assert!(stream.calls().0 < 100, "{}", stream.calls().0);
    assert!(buffer.capacity() <= 2 * text.len(), "{}", buffer.capacity());
}

#[test]
fn copies_by_every_step() {
    let context = IoContext::new().unwrap();
    let bytes = pattern(30_000);
    for (read, write) in [
        (usize::MAX, usize::MAX),
        (1, 1),
        (1000, 7),
        (7, 1000),
        (8192, 1),
    ] {
        let from = TestStream::new(&context, &bytes).otherwise(Step::Move(read));
        let to = TestStream::new(&context, b"").otherwise(Step::Move(write));
        let transfer = copy(&from, &to).blocking();
        assert_eq!(outcome(&transfer), "30000 ok");
        assert!(to.written() == bytes);
        let reads = bytes.len().div_ceil(read.min(8192)) + 1;
        assert_eq!(from.calls(), (reads, 0));
    }
    let (from, to) = (
        TestStream::new(&context, b""),
        TestStream::new(&context, b""),
    );
    assert_eq!(outcome(&copy(&from, &to).blocking()), "0 ok");
    assert_eq!((from.calls(), to.calls()), ((1, 0), (0, 0)));
}

#[test]
fn copies_that_stop() {
    let context = IoContext::new().unwrap();
    let timed_out = Step::Fail(ErrorKind::TimedOut);
    let check = |reads: [Step; 2], writes: [Step; 3], expected: &str, written: &[u8]| {
        let from = TestStream::new(&context, b"abcdef").reads(reads);
        let to = TestStream::new(&context, b"").writes(writes);
        assert_eq!(outcome(&copy(&from, &to).blocking()), expected);
        assert_eq!(to.written(), written);
    };
    let all = Step::Move(usize::MAX);
    check([Step::Move(4), timed_out], [all; 3], "4 TimedOut", b"abcd");
    check([timed_out, all], [all; 3], "0 TimedOut", b"");
    check(
        [all; 2],
        [Step::Move(1), timed_out, all],
        "1 TimedOut",
        b"a",
    );
    check(
        [all; 2],
        [Step::Move(1), Step::Move(2), Step::End],
        "3 WriteZero",
        b"abc",
    );
    check([Step::Move(4), Step::End], [all; 3], "4 ok", b"abcd");
}

#[test]
fn a_copy_cancelled_while_it_writes() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let from = TestStream::new(&context, b"abcdef");
    let to = TestStream::new(&context, b"").writes([Step::Move(2), Step::Stall]);
    let (signal, inner) = (CancellationSignal::new(), log.clone());
    let token = bind_cancellation_slot(signal.slot(), move |t| inner.push(outcome(&t)));
    async_copy(&from, &to, token);
    assert_eq!(context.poll(), 0);
    signal.emit(PARTIAL);
    context.run();
    assert_eq!(log.take(), "2 cancelled");
    // What has arrived is what was said; the rest is lost, as documented.
    assert_eq!((to.written(), from.unread()), (b"ab".to_vec(), 0));
}

#[test]
fn one_operation_awaits_others() {
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"5\nhello3\nbye").otherwise(Step::Move(2));
    let talk = async {
        let mut buffer = Vec::new();
        let mut messages = Vec::new();
        for _ in 0..2 {
            let end = read_until(&stream, &mut buffer, b'\n').await?;
            let len = usize::from(buffer[end - 1 - 1] - b'0');
            buffer.drain(..end);
            let have = buffer.len().min(len);
            buffer.resize(len.max(buffer.len()), 0);
            read_exact(&stream, &mut buffer[have..len]).await?;
            messages.push(buffer.drain(..len).collect::<Vec<_>>());
            write_all(&stream, ("got ", messages.last().unwrap().clone()))
                .await
                .0?;
        }
        io::Result::Ok(messages)
    };
    let messages = async_op_tests::net::drive(&context, talk).unwrap();
    assert_eq!(messages, [&b"hello"[..], b"bye"]);
    assert_eq!(stream.written(), b"got hellogot bye");
}

#[test]
fn they_may_be_sent_to_other_threads() {
    fn check<T: Send>(value: T) -> T {
        value
    }
    let context = IoContext::new().unwrap();
    let stream = TestStream::new(&context, b"abcd");
    let mut buffer = [0; 4];
    let future = check(async_read_exact(&stream, &mut buffer, UseFuture));
    std::thread::scope(|scope| {
        scope.spawn(|| pollster::block_on(future).unwrap());
    });
    assert_eq!(&buffer, b"abcd");
    drop(check(async_write_all(&stream, [1; 3], UseFuture)));
    drop(check(async_read_until(
        &stream,
        Vec::new(),
        "\n",
        UseFuture,
    )));
    drop(check(async_copy(&stream, &stream, UseFuture)));
}

#[test]
fn no_memory_to_copy_by() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log).fail_at(1);
    let stream = TestStream::new(&context, b"abc");
    let inner = log.clone();
    let probe = Probe::calling(&log, move |(transfer,): (Transfer,)| {
        inner.push(outcome(&transfer));
    });
    async_copy(&stream, &stream, Handler(probe.allocating(&recorder)));
    context.run();
    assert_eq!(log.take(), "A0 D0 call 0 OutOfMemory");
    assert_eq!((recorder.allocations(), stream.calls()), (2, (0, 0)));
    recorder.assert_balanced();
}

/// "If the completion condition returns non-zero": it is given the error, too, as in Asio.
#[test]
fn a_condition_may_go_on_after_an_error() {
    /// Goes on after so many errors.
    struct Patient(Vec<(ErrorKind, usize)>, usize);

    impl CompletionCondition for &mut Patient {
        fn more(&mut self, _: usize) -> usize {
            usize::MAX
        }

        fn more_after(&mut self, error: &io::Error, transferred: usize) -> usize {
            self.0.push((error.kind(), transferred));
            if self.0.len() > self.1 { 0 } else { 3 }
        }
    }

    let context = IoContext::new().unwrap();
    let slow = ErrorKind::TimedOut;
    let steps = [Step::Move(2), Step::Fail(slow), Step::Move(9), Step::End];
    let stream = TestStream::new(&context, b"0123456789")
        .reads(steps)
        .writes(steps);

    let (mut buffer, mut patient) = ([0; 10], Patient(Vec::new(), 1));
    let transfer = read(&stream, &mut buffer, &mut patient).blocking();
    assert_eq!(outcome(&transfer), "5 UnexpectedEof");
    assert_eq!(patient.0, [(slow, 2), (ErrorKind::UnexpectedEof, 5)]);

    let mut patient = Patient(Vec::new(), 1);
    let transfer = write(&stream, b"0123456789", &mut patient).blocking();
    assert_eq!(outcome(&transfer), "5 WriteZero");
    assert_eq!(patient.0, [(slow, 2), (ErrorKind::WriteZero, 5)]);
}

#[test]
fn a_condition_is_not_asked_of_a_request_to_stop() {
    struct Stubborn;

    impl CompletionCondition for Stubborn {
        fn more(&mut self, _: usize) -> usize {
            usize::MAX
        }

        fn more_after(&mut self, _: &io::Error, _: usize) -> usize {
            usize::MAX
        }
    }

    let (context, log, signal) = (
        IoContext::new().unwrap(),
        Log::new(),
        CancellationSignal::new(),
    );
    let stream = TestStream::new(&context, b"0123456789").reads([Step::Move(2), Step::Stall]);
    let to = log.clone();
    let handler = move |transfer: Transfer, _: [u8; 10]| to.push(outcome(&transfer));
    async_read(
        &stream,
        [0; 10],
        Stubborn,
        bind_cancellation_slot(signal.slot(), handler),
    );
    signal.emit(TERMINAL);
    context.run();
    assert_eq!(log.take(), "2 cancelled");
}
