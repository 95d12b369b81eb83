//! What is told of operations, to subscribers and to whoever asks.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::post;
use async_op::task::Task;
use async_op::time::Timer;
use async_op::token::Promise;
use async_op::trace::{Step, on_slow_handler};
use async_op::{
    Blocking, Completion, Detached, Executor, Handler, IoContext, IoExecutor, UseFuture, async_op,
    bind_cancellation_slot, bind_executor, post_on, spawn,
};
use async_op_tests::{CountingHeap, Log, Manual, Polled, Probe, heap_allocations_here, panic_of};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// Writes down spans and events of the target `async_op`, and events of tests.
#[derive(Clone, Default)]
struct Listener {
    log: Arc<Mutex<Heard>>,
    next: Arc<AtomicU64>,
    /// The event at which to panic, counted down.
    fatal: Arc<AtomicU64>,
}

#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    spans: Vec<Span>,
    entered: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
struct Span {
    operation: String,
    id: u64,
    parent: u64,
    location: String,
    is_closed: bool,
}

impl Visit for Span {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "id" => self.id = value,
            "parent" => self.parent = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        assert_eq!(field.name(), "operation");
        self.operation = value.to_owned();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "location" {
            self.location = format!("{value:?}");
        }
    }
}

/// The message of an event and, after it, its fields.
#[derive(Default)]
struct Line(String, String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.0 = format!("{value:?}"),
            "elapsed" | "location" => {}
            name => self.1 += &format!(" {name}={value:?}"),
        }
    }
}

/// Nobody listens to what is in no [`Listener::during`]. Said to `tracing` before
/// each test: of events that are first met by two threads, one with and one without
/// a subscriber, it may not tell the first.
fn nobody_listens() {
    struct Nobody;

    impl Subscriber for Nobody {
        fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
            Interest::sometimes()
        }

        fn enabled(&self, _: &Metadata<'_>) -> bool {
            false
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Nobody).unwrap());
}

impl Listener {
    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `body` with this as the thread's subscriber.
    fn during<R>(&self, body: impl FnOnce() -> R) -> R {
        tracing::subscriber::with_default(self.clone(), body)
    }

    /// The events so far: `operation: message fields`.
    fn lines(&self) -> Vec<String> {
        self.heard().lines.clone()
    }

    fn spans(&self) -> Vec<Span> {
        self.heard().spans.clone()
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ["async_op", "test"].contains(&metadata.target())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut span = Span::default();
        attributes.record(&mut span);
        self.heard().spans.push(span);
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let mut heard = self.heard();
        let span = event.parent().map(Id::into_u64);
        let span = span.or_else(|| {
            let contextual = event.is_contextual();
            heard.entered.last().copied().filter(|_| contextual)
        });
        let name = span.map_or("-", |id| &heard.spans[id as usize - 1].operation);
        let line = format!("{name}: {}{}", line.0, line.1);
        heard.lines.push(line);
        drop(heard);
        assert!(
            self.fatal.fetch_sub(1, Ordering::Relaxed) != 1,
            "a bad subscriber"
        );
    }

    fn enter(&self, span: &Id) {
        self.heard().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.heard().entered.pop(), Some(span.into_u64()));
    }

    fn try_close(&self, span: Id) -> bool {
        self.heard().spans[span.into_u64() as usize - 1].is_closed = true;
        true
    }
}

type Done = Completion<fn(u32)>;

/// An operation that is held until the test completes it.
#[async_op]
fn async_hold(
    _context: &IoExecutor,
    to: mpsc::Sender<Completion<fn(u32)>>,
    op: Completion<fn(u32)>,
) {
    to.send(op).unwrap();
}

#[async_op]
fn async_at_once(_context: &IoExecutor, op: Completion<fn(u32)>) {
    op.complete(1);
}

#[async_op]
async fn async_both(context: &IoExecutor) -> u32 {
    at_once(context).await + at_once(context).await
}

fn held(context: &IoContext) -> (Promise<fn(u32)>, Done) {
    let (to, from) = mpsc::channel();
    let promise = async_hold(context, to, async_op::token::UsePromise);
    (promise, from.recv().unwrap())
}

#[test]
fn a_callback_at_once_and_later() {
    nobody_listens();
    let listener = Listener::default();
    listener.during(|| {
        let context = IoContext::new().unwrap();
        async_at_once(&context, |_: u32| {
            tracing::info!(target: "test", "in the handler");
        });
        context.run();
        let (to, from) = mpsc::channel();
        async_hold(&context, to, |_: u32| {});
        from.recv().unwrap().complete(1);
        context.restart();
        context.run();
    });
    assert_eq!(
        listener.lines(),
        [
            "async_at_once: started",
            "async_at_once: completed immediate=true",
            "async_at_once: handler called",
            "async_at_once: in the handler",
            "async_hold: started",
            "async_hold: completed immediate=false",
            "async_hold: handler called",
        ]
    );
    assert!(listener.spans().iter().all(|span| span.is_closed));
}

#[test]
fn each_way_to_start_is_said_to_be_on_its_line() {
    nobody_listens();
    let listener = Listener::default();
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    #[rustfmt::skip]
    let expected = listener.during(|| {
        let lines = [
            (line!(), async_at_once(&context, |_: u32| ())),
            (line!(), at_once(&context).callback(|_| ())),
            (line!(), at_once(&context).detach()),
            (line!(), assert_eq!(at_once(&context).blocking(), 1)),
            (line!(), assert_eq!(async_at_once(&context, Blocking), 1)),
            (line!(), async_at_once(&context, Detached)),
            (line!(), assert_eq!(pollster::block_on(at_once(&context)), 1)),
            (line!(), assert_eq!(pollster::block_on(async_at_once(&context, UseFuture)), 1)),
            (line!(), async_at_once(&context, bind_executor(context.executor(), Detached))),
            (line!(), timer.wait().blocking().unwrap()),
            (line!(), timer.async_wait(Blocking).unwrap()),
            (line!(), spawn(&context, async {}, Detached)),
            (line!(), post(|| ())),
            (line!(), post_on(&context, || ())),
            (line!(), async_op::executor::post_call(&context, || (), Detached)),
        ];
        context.run();
        lines.map(|(line, ())| format!("{}:{line}", file!()))
    });
    let spans = listener.spans();
    let found: Vec<_> = spans
        .iter()
        .map(|span| span.location.rsplit_once(':').unwrap().0)
        .collect();
    assert_eq!(found, expected);
    assert!(spans.iter().all(|span| span.parent == 0));
    // That of `post` is a thread of the system's.
    let open = spans.iter().filter(|span| !span.is_closed);
    assert!(open.count() <= 1);
}

#[test]
fn the_line_of_the_caller_goes_through_functions_that_are_tracked() {
    nobody_listens();
    #[track_caller]
    fn mine(context: &IoContext) {
        at_once(context).detach();
    }

    let context = IoContext::new().unwrap();
    let (line, ()) = (line!(), mine(&context));
    assert_eq!(context.outstanding()[0].location().line(), line);
}

#[test]
fn parents_are_those_in_whose_body_or_handler_an_operation_started() {
    nobody_listens();
    let listener = Listener::default();
    listener.during(|| {
        let context = IoContext::new().unwrap();
        let inner = context.executor();
        async_both(&context, move |_: u32| {
            async_at_once(&inner, |_: u32| {});
        });
        context.run();
        async_at_once(&context, Detached);
    });
    let spans = listener.spans();
    let [both, first, second, third, last] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!((both.operation.as_str(), both.parent), ("async_both", 0));
    for inner in [first, second, third] {
        assert_eq!(
            (inner.operation.as_str(), inner.parent),
            ("async_at_once", both.id)
        );
    }
    assert_eq!(last.parent, 0);
}

#[test]
fn futures_that_are_awaited() {
    nobody_listens();
    let listener = Listener::default();
    listener.during(|| {
        let context = IoContext::new().unwrap();
        assert_eq!(pollster::block_on(both(&context)), 2);
    });
    assert_eq!(
        listener.lines(),
        [
            "async_both: started",
            "async_at_once: started",
            "async_at_once: completed immediate=true",
            "async_at_once: started",
            "async_at_once: completed immediate=true",
            "async_both: completed immediate=true",
        ]
    );
}

#[test]
fn requests_to_cancel() {
    nobody_listens();
    let listener = Listener::default();
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    let signal = CancellationSignal::new();
    listener.during(|| {
        timer.async_wait(bind_cancellation_slot(
            signal.slot(),
            |_: io::Result<()>| {},
        ));
        assert!(context.outstanding()[0].requested().is_empty());
        signal.emit(CancellationType::TERMINAL);
        context.run();
        // Over, and so not asked.
        signal.emit(CancellationType::TERMINAL);
    });
    assert_eq!(
        listener.lines(),
        [
            "async_wait: started",
            "async_wait: cancel requested requested={terminal}",
            "async_wait: completed immediate=false",
            "async_wait: handler called",
        ]
    );
}

#[test]
fn a_future_dropped_in_flight() {
    nobody_listens();
    let listener = Listener::default();
    let context = IoContext::new().unwrap();
    listener.during(|| {
        // In handler form the operation goes on, and is asked to stop.
        let (to, from) = mpsc::channel();
        let mut future = Polled::new(hold(&context, to));
        assert!(future.poll().is_pending());
        drop(future);
        let text = context.outstanding()[0].to_string();
        assert!(text.ends_with(", asked to stop"), "{text}");
        from.recv().unwrap().complete(1);
        assert_eq!(context.outstanding().len(), 0);

        // In async form the future is the operation.
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_secs(3600));
        let mut future = Polled::new(timer.wait());
        assert!(future.poll().is_pending());
        assert_eq!(context.outstanding().len(), 1);
        drop(future);
        assert_eq!(context.outstanding().len(), 0);
    });
    assert_eq!(
        listener.lines(),
        [
            "async_hold: started",
            "async_hold: cancel requested requested={terminal}",
            "async_hold: completed immediate=false",
            "async_wait: started",
            "async_wait: abandoned",
        ]
    );
}

#[test]
fn what_never_completes_is_abandoned() {
    nobody_listens();
    let listener = Listener::default();
    listener.during(|| {
        let context = IoContext::new().unwrap();
        let (promise, op) = held(&context);
        promise.detach();
        assert_eq!(context.outstanding().len(), 1);
        drop(op);
        assert_eq!(context.outstanding().len(), 0);

        spawn(&context, std::future::pending::<()>(), |()| {});
        context.poll();
        assert_eq!(context.outstanding().len(), 0, "nobody can wake it");
    });
    assert_eq!(
        listener.lines(),
        [
            "async_hold: started",
            "async_hold: abandoned",
            "spawn: started",
            "spawn: abandoned",
        ]
    );
}

#[test]
fn what_is_outstanding_on_a_context() {
    nobody_listens();
    let (context, other) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let log = Log::new();
    let home = Manual::new("home", &log);
    let (to, from) = mpsc::channel();
    let line = line!() + 1;
    async_hold(&context, to, Handler(Probe::new(&log).on(home.clone())));
    let op = from.recv().unwrap();
    async_at_once(&other, Detached);

    let [first] = &context.outstanding()[..] else {
        panic!("one operation");
    };
    assert_eq!((first.name(), first.parent()), ("async_hold", None));
    assert_eq!(
        (first.location().file(), first.location().line()),
        (file!(), line)
    );
    assert!(first.definition().line() < line && !first.is_completed());
    assert!(first.age() < Duration::from_secs(60));
    let text = first.to_string();
    assert!(
        text.starts_with(&format!("#{} async_hold ({}", first.id(), file!())),
        "{text}"
    );
    assert_eq!(other.outstanding().len(), 1);

    op.complete(1);
    // Until its handler has been called.
    let [first] = &context.outstanding()[..] else {
        panic!("one operation");
    };
    assert!(first.is_completed() && first.to_string().ends_with(", completed"));
    home.run();
    assert_eq!(context.outstanding().len(), 0);
    drop(other);
}

#[test]
fn a_dropped_context_has_nothing_outstanding() {
    nobody_listens();
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    timer.wait().detach();
    at_once(&context).detach();
    spawn(&context, async {}, Detached);
    assert_eq!(executor.outstanding().len(), 3);
    drop(context);
    assert_eq!(executor.outstanding().len(), 0);
}

/// All in one, as the hook is the process's.
#[test]
fn slow_steps() {
    nobody_listens();
    #[async_op]
    fn async_slow_body(_context: &IoExecutor, op: Completion<fn()>) {
        thread::sleep(LONG);
        op.complete();
    }

    #[async_op]
    async fn async_slow_poll(context: &IoExecutor) {
        let timer = Timer::new(context);
        timer.expires_after(Duration::from_millis(1));
        timer.wait().await.unwrap();
        thread::sleep(LONG);
    }

    const LONG: Duration = Duration::from_millis(210);
    let (sender, receiver) = mpsc::channel();
    let this = thread::current().id();
    on_slow_handler(Duration::from_millis(200), move |slow| {
        // Other tests run beside this one.
        if thread::current().id() == this {
            assert!(slow.elapsed() >= LONG);
            sender
                .send((
                    slow.name(),
                    slow.step(),
                    slow.location().line(),
                    slow.to_string(),
                ))
                .unwrap();
        }
    });
    let context = IoContext::new().unwrap();
    async_slow_body(&context, || {});
    async_slow_poll(&context, || {});
    let line = line!() + 1;
    async_at_once(&context, |_: u32| thread::sleep(LONG));
    async_at_once(&context, |_: u32| {});
    context.run();
    on_slow_handler(Duration::MAX, |_| {});
    context.restart();
    async_at_once(&context, |_: u32| thread::sleep(LONG));
    context.run();

    let all: Vec<_> = receiver.try_iter().collect();
    let steps: Vec<_> = all.iter().map(|(name, step, ..)| (*name, *step)).collect();
    assert_eq!(
        steps,
        [
            ("async_slow_body", Step::Body),
            ("async_at_once", Step::Handler),
            ("async_slow_poll", Step::Poll),
        ]
    );
    let (.., at, text) = &all[1];
    assert_eq!(*at, line);
    assert!(
        text.starts_with(&format!(
            "the handler of `async_at_once` ({}:{line}:",
            file!()
        )),
        "{text}"
    );
}

#[test]
fn a_subscriber_that_panics_leaves_nothing_behind() {
    nobody_listens();
    for event in 1.. {
        let listener = Listener::default();
        listener.fatal.store(event, Ordering::Relaxed);
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let alive = Arc::new(());
        let message = listener.during(|| {
            panic_of(|| {
                let [a, b, c] = [(); 3].map(|()| alive.clone());
                async_at_once(&context, move |_: u32| drop(a));
                async_both(&context, move |_: u32| drop(b));
                let (to, from) = mpsc::channel();
                let mut future = Polled::new(hold(&context, to));
                let _ = future.poll();
                from.recv().unwrap().complete(1);
                drop(future);
                post_on(&context, move || drop(c));
                context.run();
                panic!("no more events");
            })
        });
        drop(context);
        assert_eq!(executor.outstanding().len(), 0, "event {event}");
        assert_eq!(Arc::strong_count(&alive), 1, "event {event}");
        if message == "no more events" {
            assert!(event > 10);
            return;
        }
        assert!(
            message.contains("a bad subscriber"),
            "event {event}: {message}"
        );
    }
}

#[test]
fn tracing_that_nobody_listens_to_allocates_nothing() {
    nobody_listens();
    let context = IoContext::new().unwrap();
    let mut allocations = [0; 2];
    for count in &mut allocations {
        let before = heap_allocations_here();
        for _ in 0..1000 {
            async_at_once(&context, |_: u32| {});
            async_both(&context, |_: u32| {});
            context.executor().post(Task::new(|| {}));
            post_on(&context, || {});
        }
        context.run();
        context.restart();
        *count = heap_allocations_here() - before;
    }
    assert_eq!(allocations[1], 0);
}
