use std::io;
use std::sync::Arc;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::WorkGuard;
use async_op::{
    Handler, IoContext, IoExecutor, Signature, UseFuture, async_op, bind_cancellation_slot,
    is_cancelled, is_timeout,
};
use async_op_tests::{Log, Polled, Probe, Recorder};

use crate::case::{ArgsOf, CancelAll, Case, OutputOf, Ready};

const KINDS: [CancellationType; 3] = [
    CancellationType::TERMINAL,
    CancellationType::PARTIAL,
    CancellationType::TOTAL,
];

fn word<C: Case>(output: OutputOf<C>) -> String {
    match C::result(output) {
        Ok(()) => "ok".into(),
        Err(error) if is_cancelled(&error) => "cancelled".into(),
        Err(error) if is_timeout(&error) => "timeout".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// A handler that writes `call` and how the operation went, or `drop`.
fn say<C: Case>(log: &Log) -> Probe<impl FnOnce(ArgsOf<C>) + Send + 'static + use<C>> {
    let inner = log.clone();
    Probe::calling(log, move |args: ArgsOf<C>| {
        inner.push(word::<C>(C::Signature::into_output(args)));
    })
}

/// What is waited for is there, once the context has been told.
pub(crate) fn look(context: &IoContext) {
    let _guard = WorkGuard::new(context.executor());
    context.restart();
    context.poll();
}

/// Runs the context until `operation` has completed.
fn finish<F: Future>(context: &IoContext, operation: &mut Polled<F>) -> F::Output {
    loop {
        if let std::task::Poll::Ready(output) = operation.poll() {
            return output;
        }
        look(context);
    }
}

/// An object whose operation is going to complete by itself.
fn soon<C: Case>(context: &IoContext) -> (C::Object, Ready) {
    match C::soon(context) {
        Some(object) => (object, Box::new(|| {})),
        None => C::waiting(context),
    }
}

/// An operation that waits.
fn waits<C: Case, F: Future>(
    mut make: impl FnMut() -> (C::Object, Ready),
    mut start: impl FnMut(C::Object) -> F,
) -> (C::Object, Ready, Polled<F>) {
    // A moment may have passed already.
    loop {
        let (object, ready) = make();
        let mut operation = Polled::new(start(object.clone()));
        if operation.poll().is_pending() {
            return (object, ready, operation);
        }
    }
}

pub(crate) fn future<C: Case>(object: C::Object) -> impl Future<Output = OutputOf<C>> + use<C> {
    C::make(object)
}

/// What was waited for has come, and the object does what it did before.
fn is_of_use<C: Case>(context: &IoContext, object: C::Object) {
    let mut next = Polled::new(future::<C>(object));
    assert_eq!(word::<C>(finish(context, &mut next)), "ok");
}

pub(crate) fn at_once_awaited<C: Case>() {
    let context = IoContext::new().unwrap();
    let (object, mut ready) = C::waiting(&context);
    ready();
    loop {
        let mut operation = Polled::new(future::<C>(object.clone()));
        if let std::task::Poll::Ready(output) = operation.poll() {
            assert_eq!(word::<C>(output), "ok");
            assert_eq!(operation.drop_future().counts(), (0, 0));
            break;
        }
        drop(operation);
        look(&context);
    }
    assert_eq!(context.run(), 0);
}

pub(crate) fn at_once_called_back<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&Log::new());
    let (object, mut ready) = C::waiting(&context);
    ready();
    look(&context);
    C::make(object).with(Handler(say::<C>(&log).allocating(&recorder)));
    assert_eq!(log.take(), "");
    context.restart();
    context.run();
    assert_eq!(log.take(), "call ok");
    recorder.assert_balanced();
}

pub(crate) fn later_awaited<C: Case>() {
    let context = IoContext::new().unwrap();
    let (_object, mut ready, mut operation) = waits::<C, _>(|| soon::<C>(&context), future::<C>);
    if C::WAITS && C::soon(&context).is_none() {
        look(&context);
        assert!(operation.poll().is_pending());
    }
    ready();
    assert_eq!(word::<C>(finish(&context, &mut operation)), "ok");
    assert!(operation.wakes() > 0);
    assert_eq!(operation.drop_future().counts().1, 0);
    context.restart();
    assert_eq!(context.run(), 0);
}

pub(crate) fn later_called_back<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&Log::new());
    let (object, mut ready) = soon::<C>(&context);
    C::make(object).with(Handler(say::<C>(&log).allocating(&recorder)));
    assert_eq!(log.take(), "");
    ready();
    context.run();
    assert_eq!(log.take(), "call ok");
    recorder.assert_balanced();
}

pub(crate) fn asked_before_it_starts<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for kind in KINDS {
        let signal = CancellationSignal::new();
        signal.emit(kind);
        let (object, mut ready) = soon::<C>(&context);
        C::make(object).with(bind_cancellation_slot(
            signal.slot(),
            Handler(say::<C>(&log)),
        ));
        ready();
        context.restart();
        context.run();
        assert_eq!(log.take(), "call ok");
        // And when it is over.
        signal.emit(kind);
        context.restart();
        assert_eq!(context.run(), 0);
    }
}

/// Asks itself to stop, and then awaits an operation.
#[async_op(cancellation = total)]
async fn async_asked<C: Case>(
    _context: &IoExecutor,
    signal: Arc<CancellationSignal>,
    _case: C,
    object: C::Object,
) -> OutputOf<C> {
    signal.emit(CancellationType::TERMINAL);
    future::<C>(object).await
}

pub(crate) fn awaited_by_one_that_was_asked<C: Case>(case: fn() -> C) {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for is_ready in [false, true] {
        let (object, mut ready) = C::waiting(&context);
        if is_ready {
            ready();
            look(&context);
        }
        let signal = Arc::new(CancellationSignal::new());
        let inner = log.clone();
        let token = bind_cancellation_slot(signal.slot(), move |output: OutputOf<C>| {
            inner.push(word::<C>(output));
        });
        async_asked(&context, signal, case(), object.clone(), token);
        context.restart();
        context.run();
        assert_eq!(log.take(), "cancelled");
        if !is_ready {
            ready();
        }
        is_of_use::<C>(&context, object);
    }
}

pub(crate) fn asked_while_it_waits_awaited<C: Case>() {
    let context = IoContext::new().unwrap();
    for kind in KINDS {
        let signal = CancellationSignal::new();
        let (object, mut ready, mut operation) = waits::<C, _>(
            || C::waiting(&context),
            |object| C::make(object).with(bind_cancellation_slot(signal.slot(), UseFuture)),
        );
        signal.emit(kind);
        if C::HONOURS.contains(kind) {
            assert!(operation.wakes() > 0);
            assert_eq!(word::<C>(operation.ready()), "cancelled");
            assert_eq!(operation.drop_future().counts().1, 0);
            ready();
            is_of_use::<C>(&context, object);
        } else {
            assert!(operation.poll().is_pending());
            ready();
            assert_eq!(word::<C>(finish(&context, &mut operation)), "ok");
        }
    }
}

pub(crate) fn asked_while_it_waits_called_back<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for kind in KINDS {
        let signal = CancellationSignal::new();
        let recorder = Recorder::new(&Log::new());
        let (object, mut ready) = C::waiting(&context);
        let handler = Handler(say::<C>(&log).allocating(&recorder));
        C::make(object.clone()).with(bind_cancellation_slot(signal.slot(), handler));
        if C::WAITS {
            look(&context);
        }
        signal.emit(kind);
        assert_eq!(log.take(), "");
        context.restart();
        if C::HONOURS.contains(kind) {
            context.run();
            assert_eq!(log.take(), "call cancelled");
            ready();
            is_of_use::<C>(&context, object);
        } else {
            context.poll();
            ready();
            context.run();
            assert_eq!(log.take(), "call ok");
        }
        recorder.assert_balanced();
    }
}

pub(crate) fn dropped_before_it_starts<C: Case>() {
    let context = IoContext::new().unwrap();
    let (object, mut ready) = C::waiting(&context);
    drop(C::make(object.clone()));
    let operation = Polled::new(future::<C>(object.clone()));
    assert_eq!(operation.drop_future().counts(), (0, 0));
    assert_eq!(context.run(), 0);
    ready();
    is_of_use::<C>(&context, object);
}

pub(crate) fn dropped_while_it_waits<C: Case>() {
    let context = IoContext::new().unwrap();
    let (object, mut ready, operation) = waits::<C, _>(|| C::waiting(&context), future::<C>);
    if C::WAITS {
        look(&context);
    }
    let dropped = operation.drop_future();
    assert_eq!(dropped.counts().1, 0);
    let wakes = dropped.counts().0;
    context.restart();
    assert_eq!(context.run(), 0);
    ready();
    is_of_use::<C>(&context, object);
    assert_eq!(dropped.counts(), (wakes, 0));
}

pub(crate) fn its_object_cancels_all<C: Case>()
where
    C::Object: CancelAll,
{
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&Log::new());
    let (object, mut ready, mut operation) = waits::<C, _>(|| C::waiting(&context), future::<C>);
    let handler = Handler(say::<C>(&log).allocating(&recorder));
    C::make(object.clone()).with(handler);
    look(&context);
    // Woken, perhaps, by what an attempt has done.
    assert!(operation.poll().is_pending());
    let wakes = operation.wakes();
    object.cancel_all();
    assert!(operation.wakes() > wakes);
    assert_eq!(word::<C>(operation.ready()), "cancelled");
    assert_eq!((operation.wakers(), log.take()), (0, String::new()));
    context.restart();
    context.run();
    assert_eq!(log.take(), "call cancelled");
    recorder.assert_balanced();
    object.cancel_all();
    ready();
    is_of_use::<C>(&context, object);
}

pub(crate) fn its_last_handle_is_dropped<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (object, mut ready) = soon::<C>(&context);
    let inner = log.clone();
    C::make(object.clone()).with(Handler(say::<C>(&inner)));
    drop(object);
    if C::WAITS && C::soon(&context).is_none() {
        context.poll();
        assert_eq!(log.take(), "");
    }
    ready();
    context.restart();
    context.run();
    assert_eq!(log.take(), "call ok");
}

pub(crate) fn its_context_is_dropped_awaited<C: Case>() {
    let context = IoContext::new().unwrap();
    let (object, _ready, mut operation) = waits::<C, _>(|| C::waiting(&context), future::<C>);
    if C::WAITS {
        look(&context);
        assert!(operation.poll().is_pending());
    }
    let wakes = operation.wakes();
    drop(context);
    assert!(operation.wakes() > wakes);
    assert_eq!(word::<C>(operation.ready()), "Other");
    assert_eq!(operation.wakers(), 0);
    if C::NEEDS_ITS_CONTEXT {
        let mut late = Polled::new(future::<C>(object));
        assert_eq!(word::<C>(late.ready()), "Other");
    }
}

pub(crate) fn its_context_is_dropped_called_back<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&Log::new());
    let (object, _ready) = C::waiting(&context);
    let handler = Handler(say::<C>(&log).allocating(&recorder));
    C::make(object.clone()).with(handler);
    if C::WAITS {
        look(&context);
    }
    drop(context);
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
    C::make(object).with(Handler(say::<C>(&log).allocating(&recorder)));
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
}

pub(crate) fn its_context_is_gone<C: Case>() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&Log::new());
    let (object, _ready) = C::waiting(&context);
    drop(context);
    let mut operation = Polled::new(future::<C>(object.clone()));
    assert_eq!(word::<C>(operation.ready()), "Other");
    C::make(object).with(Handler(say::<C>(&log).allocating(&recorder)));
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
}

/// Says how several went, as one.
pub(crate) fn all<T>(results: impl IntoIterator<Item = io::Result<T>>) -> io::Result<()> {
    results.into_iter().try_for_each(|result| result.map(drop))
}
