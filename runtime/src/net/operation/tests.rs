use std::sync::{Arc, Mutex};

use super::*;
use crate::adapter::bind::{bind_cancellation_slot, bind_executor};
use crate::alloc::Shared;
use crate::cancel::{CancellationSignal, is_cancelled};
use crate::context::{IoContext, Registration};
use crate::executor::Home;
use crate::initiation::async_initiate;
use crate::net::source::Source;

type Stream = mio::net::UnixStream;

fn source(context: &IoContext) -> (SharedSource<Stream>, Stream) {
    let (ours, theirs) = Stream::pair().unwrap();
    let source = Source::new(context.executor(), ours, Registration::unwatched()).unwrap();
    (Shared::new(source, "test"), theirs)
}

/// Transfers something in parts, none of which has to wait; is asked to stop by the first.
struct InParts {
    signal: Arc<CancellationSignal>,
    parts: Arc<Mutex<usize>>,
}

impl Perform<Stream> for InParts {
    type Value = ();
    type Output = io::Result<()>;

    fn perform(&mut self, _: &SharedSource<Stream>) -> io::Result<(Option<()>, Progress)> {
        let mut parts = self.parts.lock().unwrap();
        *parts += 1;
        let is_last = *parts == 8;
        drop(parts);
        self.signal.emit(CancellationType::TERMINAL);
        Ok((is_last.then_some(()), Progress::More))
    }

    fn finish(self, result: io::Result<()>) -> io::Result<()> {
        result
    }
}

#[test]
fn a_request_comes_between_two_parts() {
    static META: Meta = meta("async_in_parts");
    let context = IoContext::new().unwrap();
    let (source, _theirs) = source(&context);
    let (signal, parts) = (Arc::new(CancellationSignal::new()), Arc::default());
    let perform = InParts {
        signal: Arc::clone(&signal),
        parts: Arc::clone(&parts),
    };
    let operation = operation(&META, &source, &Home, Direction::Write, perform);
    let outcome = Arc::new(Mutex::new(None));
    let said = Arc::clone(&outcome);
    let handler = move |result: io::Result<()>| *said.lock().unwrap() = Some(result);
    async_initiate::<fn(io::Result<()>), _, _>(
        operation,
        bind_cancellation_slot(signal.slot(), handler),
    );
    context.run();
    let outcome = outcome.lock().unwrap().take().unwrap();
    assert_eq!(*parts.lock().unwrap(), 1);
    assert!(is_cancelled(&outcome.unwrap_err()));
}

/// Takes one byte.
struct TakeOne;

impl Perform<Stream> for TakeOne {
    type Value = u8;
    type Output = io::Result<u8>;

    fn perform(&mut self, source: &SharedSource<Stream>) -> io::Result<(Option<u8>, Progress)> {
        let mut byte = [0];
        let mut stream = source.get();
        io::Read::read_exact(&mut stream, &mut byte)?;
        Ok((Some(byte[0]), Progress::More))
    }

    fn finish(self, result: io::Result<u8>) -> io::Result<u8> {
        result
    }
}

static TAKE: Meta = meta("async_take");

#[test]
fn who_has_come_first_is_served_first() {
    let context = IoContext::new().unwrap();
    let (source, mut theirs) = source(&context);
    let log = Arc::new(Mutex::new(Vec::new()));
    let start = |name: &'static str, signal: &CancellationSignal| {
        let log = Arc::clone(&log);
        let handler = move |result: io::Result<u8>| log.lock().unwrap().push((name, result.ok()));
        async_initiate::<fn(io::Result<u8>), _, _>(
            operation(&TAKE, &source, &Home, Direction::Read, TakeOne),
            bind_cancellation_slot(signal.slot(), handler),
        );
    };
    let signals: [CancellationSignal; 3] = Default::default();
    start("a", &signals[0]);
    start("b", &signals[1]);
    signals[0].emit(CancellationType::TERMINAL);
    start("c", &signals[2]);
    io::Write::write_all(&mut theirs, &[1, 2]).unwrap();
    context.run();
    assert_eq!(
        *log.lock().unwrap(),
        [("a", None), ("b", Some(1)), ("c", Some(2))]
    );
}

/// Two operations whose handlers belong to another context are due when that of their
/// source is dropped.
#[test]
fn due_when_the_context_is_dropped() {
    let (context, other) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let sources = [source(&context), source(&context)];
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut sources = sources.map(|(source, theirs)| {
        let log = Arc::clone(&log);
        let handler = move |result: io::Result<u8>| log.lock().unwrap().push(result.ok());
        async_initiate::<fn(io::Result<u8>), _, _>(
            operation(&TAKE, &source, &Home, Direction::Read, TakeOne),
            bind_executor(other.executor(), handler),
        );
        (source, theirs)
    });
    for (_, theirs) in &mut sources {
        io::Write::write_all(theirs, &[1]).unwrap();
    }
    assert_eq!(context.poll_one(), 1);
    drop(context);
    other.run();
    assert_eq!(log.lock().unwrap().len(), 2);
}
