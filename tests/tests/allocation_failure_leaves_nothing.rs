//! Guarantee 8: an initiating function that gets no memory panics, with the
//! operation's name and the size, before anything has started.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_op::adapter::{
    Adapted, BoundAllocator, BoundCancellationSlot, TimeLimit, append, consign, prepend,
    redirect_error,
};
use async_op::alloc::OperationAllocator;
use async_op::cancel::{
    CancellationGroup, CancellationSignal, CancellationSlot, CancellationType, cancelled,
};
use async_op::executor::{Strand, post_call};
use async_op::group::{parallel_group, wait_for_all};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::token::{Callback, UsePromise};
use async_op::{
    Associations, Completion, CompletionHandler, Deferred, Handler, Initiation, IoContext,
    IoExecutor, Operation, Signature, UseFuture, async_op, bind_allocator, bind_cancellation_slot,
    bind_executor, cancel_after, is_cancelled, post_on, spawn,
};
use async_op_tests::{
    Alive, HandlerForm, Log, Manual, Polled, Probe, Recorder, both_forms, panic_of,
};

both_forms! {
    fn in_the_initiating_function<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        let recorder = Recorder::new(&log).fail_at(1);
        let form = F::default();
        // To know the size.
        form.start(&context, Probe::new(&log).on(home.clone()).allocating(&recorder));
        let size = recorder.live_layouts()[0].size();
        form.abandon();
        home.run();
        log.take();

        let form = F::default();
        let probe = Probe::new(&log).on(home.clone()).allocating(&recorder);
        let message = panic_of(|| form.start(&context, probe));
        let expected = format!("`{}` could not allocate {size} bytes for itself", F::NAMES[1]);
        assert_eq!(message, expected);
        assert_eq!(log.take(), "drop");
        recorder.assert_balanced();
        assert_eq!((home.queued(), home.work()), (0, 0));
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
    }

    fn of_an_operation_that_completes_at_once<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log).fail_at(0);
        let message = panic_of(|| F::start_now(&context, Probe::new(&log).allocating(&recorder)));
        assert!(message.starts_with(&format!("`{}` could not", F::NAMES[0])), "{message}");
        assert_eq!(log.take(), "drop");
        recorder.assert_balanced();
        assert_eq!(context.run(), 0);
    }

    fn inside_a_handler_it_unwinds_out_of_run<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log).fail_at(0);
        let (executor, inner) = (context.executor(), log.clone());
        let allocator = recorder.clone();
        F::start_now(&context, Probe::calling(&log, move |_: (u32,)| {
            F::start_now(&executor, Probe::new(&inner).allocating(&allocator));
        }));
        panic_of(|| context.run());
        assert_eq!(log.take(), "call drop");
        recorder.assert_balanced();
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
    }
}

#[test]
fn of_an_operation_awaited_inside_another() {
    use async_op::{Completion, IoExecutor, UseFuture, async_op};

    #[async_op]
    fn async_inner(_context: &IoExecutor, form: HandlerForm, op: Completion<fn(u32)>) {
        form.hold.put(op);
    }

    #[async_op]
    async fn async_outer(context: &IoExecutor, log: Log) -> u32 {
        let _alive = Alive::new(&log, "future");
        async_inner(context, HandlerForm::default(), UseFuture).await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log).fail_at(1);
    let probe = Probe::new(&log).allocating(&recorder);
    let message = panic_of(|| async_outer(&context, log.clone(), Handler(probe)));
    assert!(message.starts_with("`async_inner` could not"), "{message}");
    assert_eq!(log.take(), "A0 future D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 0);
}

#[test]
fn of_a_timer() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log).fail_at(0);
    let timer = Timer::new(&context);
    timer.expires_after(std::time::Duration::from_secs(3600));
    let probe = Probe::calling(&log, |_: (std::io::Result<()>,)| ());
    let message = panic_of(|| timer.async_wait(Handler(probe.allocating(&recorder))));
    assert!(message.starts_with("`async_wait` could not"), "{message}");
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
    // Nobody waits.
    assert_eq!(timer.cancel(), 0);
    assert_eq!(context.run(), 0);
}

#[test]
fn of_a_task() {
    let log = Log::new();
    let recorder = Recorder::new(&log).fail_at(0);
    let alive = Alive::new(&log, "drop");
    let message = panic_of(|| Task::new_in(move || drop(alive), recorder.clone()));
    assert!(
        message.starts_with("`task` could not allocate"),
        "{message}"
    );
    assert_eq!(log.take(), "drop");
    recorder.assert_balanced();
}

/// Nothing in here takes so long.
const LATE: Duration = Duration::from_secs(3600);

type Waiting = Completion<fn(io::Result<()>)>;

/// Handler form: stops when it is asked to.
#[async_op]
fn async_keep(_context: &IoExecutor, op: Completion<fn(io::Result<()>)>) {
    let kept = Arc::new(Mutex::new(None));
    let asked = Arc::clone(&kept);
    op.on_cancel(move |_| {
        let op: Option<Waiting> = asked.lock().unwrap().take();
        if let Some(op) = op {
            op.complete(Err(cancelled()));
        }
    });
    *kept.lock().unwrap() = Some(op);
}

fn late(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(LATE);
    timer
}

/// A handler of anything.
struct Uncalled(
    Log,
    #[expect(dead_code, reason = "held for its drop")] Alive,
);

impl Associations for Uncalled {}
impl<S: Signature> CompletionHandler<S> for Uncalled {
    fn complete(self, _: S::Args) {
        self.0.push("call");
    }
}

/// What an operation that gets no memory is started with.
struct Start<'a> {
    context: &'a IoExecutor,
    slot: CancellationSlot,
    log: &'a Log,
    memory: &'a Recorder,
}

type Slotted<T> = Adapted<BoundCancellationSlot, Adapted<BoundAllocator<Recorder>, T>>;

impl Start<'_> {
    fn over<T>(&self, token: T) -> Slotted<T> {
        let token = bind_allocator(self.memory.clone(), token);
        bind_cancellation_slot(self.slot.clone(), token)
    }

    fn token(&self) -> Slotted<Handler<Uncalled>> {
        let alive = Alive::new(self.log, "drop");
        self.over(Handler(Uncalled(self.log.clone(), alive)))
    }

    fn limited(&self) -> TimeLimit<Slotted<Handler<Uncalled>>> {
        cancel_after(LATE, self.token())
    }
}

/// Starts an operation with `start`, whose allocation number `fail_at` fails, while
/// an earlier one is under way that the same slot serves.
#[track_caller]
fn refused(fail_at: usize, name: &str, start: impl Fn(Start<'_>)) {
    type First = fn(&IoExecutor, Bound);
    type Bound = Adapted<BoundCancellationSlot, Box<dyn FnOnce(io::Result<()>) + Send>>;
    let firsts: [First; 3] = [
        |context, token| async_keep(context, token),
        |context, token| late(context).async_wait(token),
        |context, token| late(context).async_wait(cancel_after(LATE, token)),
    ];
    for first in firsts {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let signal = CancellationSignal::new();
        let inner = log.clone();
        let handler = move |result: io::Result<()>| {
            inner.push(match result {
                Err(error) if is_cancelled(&error) => "cancelled",
                _ => "not cancelled",
            });
        };
        let handler: Box<dyn FnOnce(io::Result<()>) + Send> = Box::new(handler);
        first(&context, bind_cancellation_slot(signal.slot(), handler));
        let memory = Recorder::new(&Log::new()).fail_at(fail_at);
        let message = panic_of(|| {
            start(Start {
                context: &context,
                slot: signal.slot(),
                log: &log,
                memory: &memory,
            });
        });
        assert!(
            message.starts_with(&format!("`{name}` could not")),
            "{message}"
        );
        assert!(["", "drop"].contains(&&*log.take()));
        memory.assert_balanced();
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
        signal.emit(CancellationType::TERMINAL);
        // No work is left but that of the first.
        context.poll();
        assert!(context.stopped());
        assert_eq!(log.take(), "cancelled");
    }
}

#[test]
fn the_slot_serves_whom_it_served() {
    refused(0, "async_keep", |s| async_keep(s.context, s.token()));
    refused(0, "async_wait", |s| late(s.context).async_wait(s.token()));
    refused(0, "spawn", |s| spawn(s.context, async {}, s.token()));
    refused(0, "post", |s| {
        let strand = Strand::new(*s.context);
        post_on(s.context, bind_executor(strand, s.token()));
    });
    refused(0, "async_keep", |s| {
        let strand = Strand::new(*s.context);
        async_keep(s.context, bind_executor(strand, s.token()));
    });
    refused(0, "async_keep", |s| {
        async_keep(s.context, append(1, prepend(2, consign(3, s.token()))));
    });
    refused(0, "async_keep", |s| {
        async_keep(s.context, redirect_error(|_| (), s.token()))
    });
    refused(0, "parallel_group", |s| {
        parallel_group((late(s.context).wait(),)).async_wait(wait_for_all(), s.token());
    });
    refused(0, "parallel_group", |s| {
        parallel_group(vec![late(s.context).wait()]).async_wait(wait_for_all(), s.token());
    });
    for (n, name) in ["promise", "async_keep"].into_iter().enumerate() {
        refused(n, name, |s| drop(async_keep(s.context, s.over(UsePromise))));
    }
}

#[test]
fn the_slot_serves_whom_it_served_with_a_limit_on_time() {
    refused(0, "async_keep", |s| async_keep(s.context, s.limited()));
    refused(0, "async_keep", |s| {
        async_keep(s.context, cancel_after(LATE, s.limited()))
    });
    refused(0, "async_wait", |s| late(s.context).async_wait(s.limited()));
    refused(0, "async_wait", |s| {
        late(s.context).wait().cancel_after(LATE).with(s.token());
    });
    refused(0, "spawn", |s| {
        spawn(s.context, async { io::Result::Ok(()) }, s.limited())
    });
    refused(0, "async_keep", |s| {
        let strand = Strand::new(*s.context);
        async_keep(s.context, bind_executor(strand, s.limited()));
    });
    refused(0, "async_keep", |s| {
        let strand = Strand::new(*s.context);
        async_keep(
            s.context,
            cancel_after(LATE, bind_executor(strand, s.token())),
        );
    });
    refused(0, "async_keep", |s| {
        async_keep(s.context, append(1, consign(2, s.limited())))
    });
    refused(0, "parallel_group", |s| {
        let group = parallel_group((late(s.context).wait(), late(s.context).wait()));
        group.async_wait(wait_for_all(), s.limited());
    });
    for (n, name) in ["promise", "async_keep"].into_iter().enumerate() {
        refused(n, name, |s| {
            drop(async_keep(
                s.context,
                cancel_after(LATE, s.over(UsePromise)),
            ));
        });
    }
}

#[test]
fn one_that_gets_its_memory_takes_the_slot_over() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let signal = CancellationSignal::new();
    let alive = Alive::new(&log, "dropped");
    let first = consign(alive, |_: io::Result<()>| ());
    async_keep(&context, bind_cancellation_slot(signal.slot(), first));
    let token = bind_cancellation_slot(signal.slot(), UseFuture);
    let mut second = Polled::new(async_keep(&context, token));
    // Nobody could complete it any more.
    assert!(second.poll().is_pending());
    assert_eq!(log.take(), "dropped");
    signal.emit(CancellationType::TERMINAL);
    assert_eq!(second.wakes(), 1);
    assert!(second.poll().is_ready());
}

/// Those that are under way are asked, and nobody else is there.
#[test]
fn a_group_forgets_it() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let all = CancellationGroup::new();
    let inner = log.clone();
    let handler = move |result: io::Result<()>| {
        assert!(is_cancelled(&result.unwrap_err()));
        inner.push("cancelled");
    };
    late(&context).async_wait(bind_cancellation_slot(all.slot(), handler));
    let memory = Recorder::new(&Log::new()).fail_at(0);
    let start = Start {
        context: &context,
        slot: all.slot(),
        log: &log,
        memory: &memory,
    };
    panic_of(|| async_keep(start.context, start.limited()));
    assert_eq!(log.take(), "drop");
    memory.assert_balanced();
    all.emit(CancellationType::TERMINAL);
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "cancelled");
}

/// A handler that is tried, with one allocator after the other.
struct Tried(Log, Recorder);

impl Associations for Tried {
    fn allocator(&self) -> impl OperationAllocator {
        self.1.clone()
    }
}

impl<S: Signature> CompletionHandler<S> for Tried {
    fn complete(self, _: S::Args) {
        self.0.push("call");
    }
}

/// Memory that there is, or that there is none of.
fn some() -> Recorder {
    Recorder::new(&Log::new())
}

fn none() -> Recorder {
    some().fail_at(0)
}

/// Has an operation refused its memory twice, and then starts it with the handler that came
/// back.
#[track_caller]
fn comes_back<S, I>(name: &str, operation: impl Fn(&IoExecutor) -> Operation<S, I>)
where
    S: Signature<Args: Send + 'static, Output: Send + 'static> + 'static,
    I: Initiation<S> + 'static,
{
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let mut handler = Tried(log.clone(), none());
    for memory in [none(), some()] {
        let refused = operation(&context).try_with(handler).unwrap_err();
        assert_eq!(refused.refusal.operation(), name);
        assert!(refused.refusal.layout().size() > 0);
        let start = format!("`{name}` could not allocate ");
        assert!(refused.to_string().starts_with(&start), "{refused}");
        let error = io::Error::from(refused.refusal);
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
        context.restart();
        handler = refused.handler;
        handler.1.assert_balanced();
        handler.1 = memory;
    }
    assert_eq!(log.take(), "");
    let memory = handler.1.clone();
    operation(&context).try_with(handler).unwrap();
    context.run();
    assert_eq!(log.take(), "call");
    memory.assert_balanced();
}

#[async_op]
fn async_at_once(_context: &IoExecutor, op: Completion<fn(u32)>) {
    op.complete(1);
}

#[async_op]
async fn async_body(context: &IoExecutor) -> io::Result<()> {
    Timer::new(context).wait().await
}

#[test]
fn the_handler_comes_back_where_it_is_asked_for() {
    let soon = |context: &IoExecutor| Timer::new(context);
    comes_back("async_wait", |context| soon(context).wait());
    comes_back("async_wait", |context| {
        soon(context).on(&Strand::new(*context)).wait()
    });
    comes_back("async_wait", |context| {
        soon(context).wait().cancel_after(LATE).map(|_| ())
    });
    comes_back("async_at_once", |context| at_once(context));
    comes_back("async_body", |context| body(context));
    comes_back("async_body", |context| body(context).cancel_after(LATE));
    comes_back("spawn", |context| spawn(context, async { 1 }, Deferred));
    comes_back("post_call", |context| {
        post_call(context, || "result", Deferred)
    });
    comes_back("post", |context| post_on(context, Deferred));
    comes_back("parallel_group", |context| {
        parallel_group((soon(context).wait(), body(context))).wait(wait_for_all())
    });
}

#[test]
fn a_handler_around_another_one_passes_the_refusal_on() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let strand = Strand::new(context.executor());
    let to = log.clone();
    let inner = Callback(move |_: io::Result<()>, number: i32| to.push(number.to_string()));
    let handler = bind_executor(strand, append(1, bind_allocator(none(), inner)));
    let refused = Timer::new(&context).wait().try_with(handler).unwrap_err();
    let debug = format!("{refused:?}");
    assert!(debug.contains("async_wait"), "{debug}");
    // What came back is as it was, its allocator too, which refuses once.
    Timer::new(&context).async_wait(Handler(refused.handler));
    context.run();
    assert_eq!(log.take(), "1");
    // By a post to another executor.
    let strand = Strand::new(context.executor());
    let handler = bind_executor(strand, bind_allocator(none(), Callback(|| ())));
    let refused = post_on(&context, Deferred).try_with(handler).unwrap_err();
    assert_eq!(refused.refusal.operation(), "post");
    context.restart();
    assert_eq!(context.run(), 0);
}

/// One trial inside of the other, and after the other: each has its own handler back.
#[test]
fn trials_within_each_other() {
    #[async_op]
    fn async_tries(context: &IoExecutor, log: Log, op: Completion<fn(u32)>) {
        let inner = Tried(log, none());
        let refused = Timer::new(context).wait().try_with(inner).unwrap_err();
        assert_eq!(refused.refusal.operation(), "async_wait");
        refused.handler.0.push("inner");
        op.complete(1);
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = some();
    let outer = Tried(log.clone(), memory.clone());
    tries(&context, log.clone()).try_with(outer).unwrap();
    assert_eq!(log.take(), "inner");
    context.run();
    assert_eq!(log.take(), "call");
    memory.assert_balanced();
}

/// What is dropped with an operation that is refused may try another one.
#[test]
fn a_trial_while_what_was_refused_is_dropped() {
    struct OnDrop<F: FnMut()>(F);
    impl<F: FnMut()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (to, executor) = (log.clone(), context.executor());
    let tries = OnDrop(move || {
        let inner = Tried(to.clone(), some());
        Timer::new(&executor).wait().try_with(inner).unwrap();
    });
    #[async_op]
    fn async_has<T: Send + 'static>(_context: &IoExecutor, has: T, op: Completion<fn(u32)>) {
        drop(has);
        op.complete(1);
    }

    let outer = Tried(log.clone(), none());
    let mut refused = has(&context, tries).try_with(outer).unwrap_err();
    assert_eq!(refused.refusal.operation(), "async_has");
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "call");

    // One that panics takes its handler with it.
    refused.handler.1 = none();
    let message = panic_of(|| {
        let panics = OnDrop(|| panic!("on purpose"));
        drop(has(&context, panics).try_with(refused.handler));
    });
    assert!(message.contains("on purpose"), "{message}");
    let other = Tried(log.clone(), some());
    context.restart();
    at_once(&context).try_with(other).unwrap();
    context.run();
    assert_eq!(log.take(), "call");
}

/// A body that unwinds leaves no trial behind.
#[test]
fn a_trial_that_panics_is_over() {
    #[async_op]
    fn async_panics(_context: &IoExecutor, op: Completion<fn(u32)>) {
        drop(op);
        panic!("on purpose");
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let message = panic_of(|| {
        let outer = Tried(log.clone(), some());
        panics(&context).try_with(outer).unwrap();
    });
    assert_eq!(message, "on purpose");
    let message = panic_of(|| at_once(&context).with(Handler(Tried(log.clone(), none()))));
    assert!(message.starts_with("`async_at_once` could"), "{message}");
}
