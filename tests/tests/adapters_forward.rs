//! Guarantee 7: every adapter forwards all four associations of what it wraps;
//! the outermost binder wins.

use std::alloc::Layout;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_op::adapter::{
    Adapter, AdapterAssociations, OneOf2, adapt, append, bind_immediate_executor, consign, prepend,
    redirect_error,
};
use async_op::alloc::OperationAllocator;
use async_op::cancel::{CancellationSignal, CancellationSlot, CancellationType};
use async_op::executor::{AnyExecutor, PostOnly};
use async_op::token::{UsePromise, each, local};
use async_op::{
    Associations, Blocking, Completion, CompletionHandler, CompletionToken, Deferred, Detached,
    Executor, Handler, Initiation, IoContext, Operation, UseFuture, async_op, bind_allocator,
    bind_cancellation_slot, bind_executor, cancel_after, this_op,
};
use async_op_tests::{Hold, Log, Manual, Polled, Recorder};

/// The executors, allocators and signals of a test. `inner` ones belong to what
/// is adapted, `outer` ones to the adapters.
#[derive(Clone)]
struct World {
    log: Log,
    io: Manual,
    inner: Manual,
    first: Manual,
    outer: Manual,
    outermost: Manual,
    inner_memory: Recorder,
    outer_memory: Recorder,
    outermost_memory: Recorder,
    signals: Arc<[(&'static str, CancellationSignal); 3]>,
}

impl World {
    fn new() -> Self {
        let log = Log::new();
        Self {
            io: Manual::new("io", &log),
            inner: Manual::new("inner", &log),
            first: Manual::new("first", &log),
            outer: Manual::new("outer", &log),
            outermost: Manual::new("outermost", &log),
            inner_memory: Recorder::named("inner", &log),
            outer_memory: Recorder::named("outer", &log),
            outermost_memory: Recorder::named("outermost", &log),
            signals: Arc::new(
                ["inner", "outer", "outermost"].map(|name| (name, CancellationSignal::new())),
            ),
            log,
        }
    }

    fn slot(&self, name: &str) -> CancellationSlot {
        let signal = self.signals.iter().find(|signal| signal.0 == name);
        signal.expect("a known name").1.slot()
    }

    /// A handler with all four.
    fn base(&self) -> Base {
        Base(self.clone())
    }

    /// A token that starts operations with that handler.
    fn token(&self) -> Mine {
        Mine(self.base())
    }

    /// An operation that tells what travels with its handler.
    fn spy(&self) -> Operation<fn(u32), Spy> {
        let world = self.clone();
        let seen = Arc::default();
        async_op::async_initiate(Spy { world, seen }, Deferred)
    }

    /// Returns what the handler of `token` has.
    fn seen<T: CompletionToken<'static, fn(u32)>>(&self, token: T) -> String {
        self.seen_by(|spy| {
            spy.with(token);
        })
    }

    fn seen_by(&self, start: impl FnOnce(Operation<fn(u32), Spy>)) -> String {
        let seen = Arc::<Mutex<String>>::default();
        let spy = Spy {
            world: self.clone(),
            seen: Arc::clone(&seen),
        };
        start(async_op::async_initiate(spy, Deferred));
        std::mem::take(&mut *seen.lock().unwrap())
    }

    fn executor(&self, executor: &impl Executor) -> String {
        let executor = AnyExecutor::new(executor.clone());
        for (name, known) in [
            ("io", &self.io),
            ("inner", &self.inner),
            ("first", &self.first),
            ("outer", &self.outer),
            ("outermost", &self.outermost),
        ] {
            if executor == AnyExecutor::new(known.clone()) {
                return name.to_owned();
            }
            if executor == AnyExecutor::new(PostOnly(known.clone())) {
                return format!("post:{name}");
            }
        }
        "other".to_owned()
    }

    fn allocator(&self, allocator: &impl OperationAllocator) -> String {
        self.log.take();
        let layout = Layout::new::<u8>();
        let block = allocator.allocate(layout).unwrap();
        // SAFETY: it came from there with this layout, and is given up.
        unsafe { allocator.deallocate(block.cast(), layout) };
        let log = self.log.take();
        match log.split_once('A') {
            Some((name, _)) => name.to_owned(),
            None => "default".to_owned(),
        }
    }

    /// Returns whose request `is_requested` sees.
    fn requested(&self, is_requested: impl Fn() -> bool) -> &'static str {
        for (name, signal) in &*self.signals {
            signal.emit(CancellationType::TERMINAL);
            if is_requested() {
                return name;
            }
        }
        "none"
    }
}

/// Writes down the executor, the immediate one, allocator and slot.
struct Spy {
    world: World,
    seen: Arc<Mutex<String>>,
}

impl Future for Spy {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        let allocator = self.world.allocator(&this_op::allocator());
        let cancellation = this_op::cancellation();
        let slot = self
            .world
            .requested(|| !cancellation.requested().is_empty());
        *self.seen.lock().unwrap() = format!("{allocator} {slot}");
        Poll::Ready(7)
    }
}

#[async_op]
fn async_hold(_io: &Manual, hold: Hold, op: Completion<fn(u32)>) {
    hold.put(op);
}

impl Initiation<fn(u32)> for Spy {
    type Executor = Manual;

    fn executor(&self) -> &Manual {
        &self.world.io
    }

    fn initiate<H: CompletionHandler<fn(u32)>>(self, handler: H) {
        let world = &self.world;
        let executor = handler.executor(&world.io);
        let immediate = world.executor(&handler.immediate_executor(&executor));
        let executor = world.executor(&executor);
        let allocator = world.allocator(&handler.allocator());
        let (hold, log) = (Hold::default(), Log::new());
        let token = bind_cancellation_slot(handler.cancellation_slot(), |_: u32| {});
        async_hold(&world.io, hold.clone(), token);
        let op = hold.take().unwrap();
        let inner = log.clone();
        op.on_cancel(move |_| inner.push("cancel"));
        let slot = world.requested(|| !log.take().is_empty());
        drop(op);
        *self.seen.lock().unwrap() = format!("{executor} {immediate} {allocator} {slot}");
        handler.complete((7,));
    }
}

/// A handler with associations of its own.
struct Base(World);

impl Associations for Base {
    fn executor<E: Executor>(&self, _: &E) -> impl Executor {
        self.0.inner.clone()
    }

    fn immediate_executor<E: Executor>(&self, _: &E) -> impl Executor {
        self.0.first.clone()
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.0.inner_memory.clone()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        self.0.slot("inner")
    }
}

impl CompletionHandler<fn(u32)> for Base {
    fn complete(self, _: (u32,)) {}
}

/// A token of the user.
struct Mine(Base);

impl CompletionToken<'static, fn(u32)> for Mine {
    type Return<I: Initiation<fn(u32)> + 'static> = ();

    fn initiate<I: Initiation<fn(u32)> + 'static>(self, initiation: I) {
        initiation.initiate(self.0);
    }
}

/// An adapter of the user, which overrides nothing.
struct Plus(u32);

impl AdapterAssociations for Plus {}
impl Adapter<fn(u32)> for Plus {
    type Signature = fn(u32);

    fn map(self, (n,): (u32,)) -> (u32,) {
        (n + self.0,)
    }
}

/// Fails unless an adapter shows these associations, around whatever it wraps:
/// first around what has its own four, then around what has none.
macro_rules! shows {
    (|$world:ident, $t:ident| $adapted:expr, $own:literal, $none:literal) => {{
        let $world = &World::new();
        {
            let $t = Handler($world.base());
            assert_eq!($world.seen($adapted), $own, "around a `Handler`");
        }
        {
            let $t = $world.token();
            assert_eq!($world.seen($adapted), $own, "around a user's token");
        }
        {
            let $t = $world.base();
            assert_eq!($world.seen(Handler($adapted)), $own, "as a handler");
        }
        {
            let $t = |_: u32| {};
            assert_eq!($world.seen($adapted), $none, "around a closure");
        }
        {
            let $t = Detached;
            assert_eq!($world.seen($adapted), $none, "around `Detached`");
        }
        {
            let $t = local(|_: u32| {});
            assert_eq!($world.seen($adapted), $none, "around `local`");
        }
        {
            let $t = Detached;
            assert_eq!($world.seen(Handler($adapted)), $none, "as a handler");
        }
    }};
}

/// Fails unless what is hosted sees this allocator and this slot.
macro_rules! shows_hosted {
    (|$world:ident, $t:ident| $adapted:expr, $seen:literal, $output:expr) => {{
        let $world = &World::new();
        let seen = $world.seen_by(|spy| {
            let $t = UseFuture;
            assert_eq!(Polled::new(spy.with($adapted)).poll(), Poll::Ready($output));
        });
        assert_eq!(seen, $seen, "over `UseFuture`");
        let seen = $world.seen_by(|spy| {
            let $t = Deferred;
            assert_eq!(Polled::new(spy.with($adapted)).poll(), Poll::Ready($output));
        });
        assert_eq!(seen, $seen, "over `Deferred`");
        let seen = $world.seen_by(|spy| {
            let $t = Blocking;
            assert_eq!(spy.with($adapted), $output);
        });
        assert_eq!(seen, $seen, "over `Blocking`");
    }};
}

#[test]
fn nothing_adapted() {
    shows!(
        |w, t| t,
        "inner first inner inner",
        "io post:io default none"
    );
    shows_hosted!(|w, t| t, "default none", 7);
}

#[test]
fn executor() {
    shows!(
        |w, t| bind_executor(w.outer.clone(), t),
        "outer first inner inner",
        "outer post:outer default none"
    );
}

#[test]
fn immediate_executor() {
    shows!(
        |w, t| bind_immediate_executor(w.outer.clone(), t),
        "inner outer inner inner",
        "io outer default none"
    );
    shows_hosted!(
        |w, t| bind_immediate_executor(w.outer.clone(), t),
        "default none",
        7
    );
}

#[test]
fn allocator() {
    shows!(
        |w, t| bind_allocator(w.outer_memory.clone(), t),
        "inner first outer inner",
        "io post:io outer none"
    );
    shows_hosted!(
        |w, t| bind_allocator(w.outer_memory.clone(), t),
        "outer none",
        7
    );
}

#[test]
fn cancellation_slot() {
    shows!(
        |w, t| bind_cancellation_slot(w.slot("outer"), t),
        "inner first inner outer",
        "io post:io default outer"
    );
    shows_hosted!(
        |w, t| bind_cancellation_slot(w.slot("outer"), t),
        "default outer",
        7
    );
}

#[test]
fn a_users_adapter() {
    shows!(
        |w, t| adapt(Plus(1), t),
        "inner first inner inner",
        "io post:io default none"
    );
    shows_hosted!(|w, t| adapt(Plus(1), t), "default none", 8);
}

#[test]
fn values_kept() {
    shows!(
        |w, t| consign((1, "two"), t),
        "inner first inner inner",
        "io post:io default none"
    );
    shows_hosted!(|w, t| consign((1, "two"), t), "default none", 7);
}

/// What is left of the arguments that the adapter around it has added.
struct Drops;

impl AdapterAssociations for Drops {}
impl Adapter<fn(u32, char)> for Drops {
    type Signature = fn(u32);

    fn map(self, (n, _): (u32, char)) -> (u32,) {
        (n,)
    }
}
impl Adapter<fn(char, u32)> for Drops {
    type Signature = fn(u32);

    fn map(self, (_, n): (char, u32)) -> (u32,) {
        (n,)
    }
}

#[test]
fn values_appended_and_prepended() {
    shows!(
        |w, t| append('x', adapt(Drops, t)),
        "inner first inner inner",
        "io post:io default none"
    );
    shows_hosted!(|w, t| append('x', t), "default none", (7, 'x'));
    shows!(
        |w, t| prepend('x', adapt(Drops, t)),
        "inner first inner inner",
        "io post:io default none"
    );
    shows_hosted!(|w, t| prepend('x', t), "default none", ('x', 7));
}

/// Makes a number a result, and back.
struct Fails;
struct Unwraps;

impl AdapterAssociations for Fails {}
impl Adapter<fn(u32)> for Fails {
    type Signature = fn(Result<u8, u32>);

    fn map(self, (n,): (u32,)) -> (Result<u8, u32>,) {
        (Err(n),)
    }
}

impl AdapterAssociations for Unwraps {}
impl Adapter<fn(Option<u8>)> for Unwraps {
    type Signature = fn(u32);

    fn map(self, (n,): (Option<u8>,)) -> (u32,) {
        assert_eq!(n, None);
        (1,)
    }
}

#[test]
fn errors_redirected() {
    shows!(
        |w, t| adapt(
            Fails,
            redirect_error(|n: u32| assert_eq!(n, 7), adapt(Unwraps, t))
        ),
        "inner first inner inner",
        "io post:io default none"
    );
    let mut redirected = Vec::new();
    let w = World::new();
    let token = redirect_error(|n: u32| redirected.push(n), adapt(Unwraps, Blocking));
    assert_eq!(w.spy().with(adapt(Fails, token)), 1);
    assert_eq!(redirected, [7]);
}

/// Makes a number the result of I/O, and back.
struct Succeeds;
struct Expects;

impl AdapterAssociations for Succeeds {}
impl Adapter<fn(u32)> for Succeeds {
    type Signature = fn(io::Result<u32>);

    fn map(self, (n,): (u32,)) -> (io::Result<u32>,) {
        (Ok(n),)
    }
}

impl AdapterAssociations for Expects {}
impl Adapter<fn(io::Result<u32>)> for Expects {
    type Signature = fn(u32);

    fn map(self, (n,): (io::Result<u32>,)) -> (u32,) {
        (n.expect("it was in time"),)
    }
}

/// A limit on the time of an operation is no handler: it needs the operation.
#[test]
fn time_limits() {
    const HOUR: Duration = Duration::from_secs(3600);
    let limited = |w: &World, t| w.seen(adapt(Succeeds, cancel_after(HOUR, adapt(Expects, t))));
    let w = World::new();
    assert_eq!(limited(&w, Handler(w.base())), "inner first inner inner");
    let w = World::new();
    let token = adapt(Succeeds, cancel_after(HOUR, adapt(Expects, w.token())));
    assert_eq!(w.seen(token), "inner first inner inner");
    let closure = |n: io::Result<u32>| assert_eq!(n.unwrap(), 7);
    let token = adapt(Succeeds, cancel_after(HOUR, closure));
    assert_eq!(w.seen(token), "io post:io default none");
    // Bound inside, bound outside, and in between.
    let token = bind_cancellation_slot(
        w.slot("outer"),
        cancel_after(
            HOUR,
            bind_executor(
                w.outer.clone(),
                bind_allocator(w.outer_memory.clone(), adapt(Expects, Detached)),
            ),
        ),
    );
    assert_eq!(
        w.seen(adapt(Succeeds, token)),
        "outer post:outer outer outer"
    );
    let token = bind_executor(
        w.outermost.clone(),
        bind_allocator(
            w.outermost_memory.clone(),
            cancel_after(
                HOUR,
                cancel_after(
                    HOUR,
                    bind_executor(
                        w.outer.clone(),
                        bind_allocator(
                            w.outer_memory.clone(),
                            bind_cancellation_slot(w.slot("outer"), adapt(Expects, Detached)),
                        ),
                    ),
                ),
            ),
        ),
    );
    assert_eq!(
        w.seen(adapt(Succeeds, token)),
        "outermost post:outermost outermost outer"
    );
    // Hosted, a request reaches the operation when it is polled next.
    shows_hosted!(
        |w, t| adapt(
            Succeeds,
            cancel_after(
                HOUR,
                bind_allocator(
                    w.outer_memory.clone(),
                    bind_cancellation_slot(w.slot("outer"), adapt(Expects, t))
                )
            )
        ),
        "outer none",
        7
    );
}

/// Makes a number the first of two alternatives.
struct Alternative;

impl AdapterAssociations for Alternative {}
impl Adapter<fn(u32)> for Alternative {
    type Signature = (fn(u32), fn(char));

    fn map(self, (n,): (u32,)) -> (OneOf2<u32, char>,) {
        (OneOf2::First(n),)
    }
}

impl CompletionHandler<fn(char)> for Base {
    fn complete(self, _: (char,)) {
        unreachable!("it is the first of two");
    }
}

#[test]
fn a_handler_of_several_signatures() {
    let w = World::new();
    let token = adapt(Alternative, each(w.base()));
    assert_eq!(w.seen(token), "inner first inner inner");
    let bound = Handler(bind_executor(w.outer.clone(), w.base()));
    assert_eq!(w.seen(bound), "outer first inner inner");
}

/// A promise is started with a handler of its own, which binders outside show.
#[test]
fn a_promise() {
    let w = World::new();
    let token = bind_executor(w.outer.clone(), UsePromise);
    let seen = w.seen_by(|spy| assert_eq!(spy.with(token).wait().blocking(), 7));
    assert_eq!(seen, "outer post:outer default none");
    let w = World::new();
    let token = bind_allocator(w.outer_memory.clone(), adapt(Plus(1), UsePromise));
    let seen = w.seen_by(|spy| assert_eq!(spy.with(token).wait().blocking(), 8));
    assert_eq!(seen, "io post:io outer none");
    let w = World::new();
    let token = bind_cancellation_slot(w.slot("outer"), UsePromise);
    let seen = w.seen_by(|spy| assert_eq!(spy.with(token).wait().blocking(), 7));
    assert_eq!(seen, "io post:io default outer");
}

#[test]
fn all_of_them() {
    shows!(
        |w, t| bind_cancellation_slot(
            w.slot("outer"),
            adapt(
                Plus(1),
                bind_allocator(
                    w.outer_memory.clone(),
                    bind_immediate_executor(
                        w.first.clone(),
                        adapt(Plus(2), bind_executor(w.outer.clone(), t))
                    )
                )
            )
        ),
        "outer first outer outer",
        "outer first outer outer"
    );
    shows_hosted!(
        |w, t| adapt(
            Plus(1),
            bind_cancellation_slot(
                w.slot("outer"),
                bind_allocator(w.outer_memory.clone(), adapt(Plus(2), t))
            )
        ),
        "outer outer",
        10
    );
}

#[test]
fn the_outermost_executor_wins() {
    shows!(
        |w, t| bind_executor(w.outermost.clone(), bind_executor(w.outer.clone(), t)),
        "outermost first inner inner",
        "outermost post:outermost default none"
    );
}

#[test]
fn the_outermost_immediate_executor_wins() {
    shows!(
        |w, t| bind_immediate_executor(
            w.outermost.clone(),
            adapt(Plus(1), bind_immediate_executor(w.outer.clone(), t))
        ),
        "inner outermost inner inner",
        "io outermost default none"
    );
}

#[test]
fn the_outermost_allocator_wins() {
    shows!(
        |w, t| bind_allocator(
            w.outermost_memory.clone(),
            adapt(Plus(1), bind_allocator(w.outer_memory.clone(), t))
        ),
        "inner first outermost inner",
        "io post:io outermost none"
    );
    shows_hosted!(
        |w, t| bind_allocator(
            w.outermost_memory.clone(),
            adapt(Plus(1), bind_allocator(w.outer_memory.clone(), t))
        ),
        "outermost none",
        8
    );
}

#[test]
fn the_outermost_slot_wins() {
    shows!(
        |w, t| bind_cancellation_slot(
            w.slot("outermost"),
            adapt(Plus(1), bind_cancellation_slot(w.slot("outer"), t))
        ),
        "inner first inner outermost",
        "io post:io default outermost"
    );
    shows_hosted!(
        |w, t| bind_cancellation_slot(
            w.slot("outermost"),
            adapt(Plus(1), bind_cancellation_slot(w.slot("outer"), t))
        ),
        "default outermost",
        8
    );
}

#[test]
fn an_unconnected_slot_outside_keeps_requests_out() {
    shows!(
        |w, t| bind_cancellation_slot(
            CancellationSlot::unconnected(),
            bind_cancellation_slot(w.slot("outer"), t)
        ),
        "inner first inner none",
        "io post:io default none"
    );
    shows_hosted!(
        |w, t| bind_cancellation_slot(
            CancellationSlot::unconnected(),
            bind_cancellation_slot(w.slot("outer"), t)
        ),
        "default none",
        7
    );
}

#[test]
fn a_mapped_operation() {
    let w = World::new();
    let own = "inner first inner inner";
    assert_eq!(
        w.seen_by(|spy| spy.map(|n| n + 1).with(Handler(w.base()))),
        own
    );
    assert_eq!(w.seen_by(|spy| spy.map(|n| n + 1).with(w.token())), own);
    let none = "io post:io default none";
    assert_eq!(w.seen_by(|spy| spy.map(|n| n + 1).with(|_: u32| {})), none);
    assert_eq!(w.seen_by(|spy| spy.map(|n| n + 1).callback(|_| {})), none);
    assert_eq!(w.seen_by(|spy| spy.map(|n| n + 1).detach()), none);
    let bound = w.seen_by(|spy| {
        let token = bind_executor(w.outer.clone(), Handler(w.base()));
        spy.map(|n| n + 1).map(|n| n + 1).with(token);
    });
    assert_eq!(bound, "outer first inner inner");
    let hosted = w.seen_by(|spy| {
        let token = bind_allocator(w.outer_memory.clone(), UseFuture);
        let mut polled = Polled::new(spy.map(|n| n + 1).with(token));
        assert_eq!(polled.poll(), Poll::Ready(8));
    });
    assert_eq!(hosted, "outer none");
}

#[test]
fn an_operation_bound_and_not_started() {
    let w = World::new();
    let seen = w.seen_by(|spy| {
        let bound = spy.with(bind_executor(w.outer.clone(), Deferred));
        let bound = bound.with(bind_allocator(w.outer_memory.clone(), Deferred));
        bound.callback(|_| {});
    });
    assert_eq!(seen, "outer post:outer outer none");
    // What was bound first is the outermost.
    let seen = w.seen_by(|spy| {
        let bound = spy.with(bind_executor(w.outer.clone(), Deferred));
        bound.with(Handler(w.base()));
    });
    assert_eq!(seen, "outer first inner inner");
}

#[test]
fn an_executor_over_a_token_that_waits() {
    let w = World::new();
    let seen = w.seen_by(|spy| {
        let token = bind_executor(w.outer.clone(), UseFuture);
        assert_eq!(Polled::new(spy.with(token)).poll(), Poll::Ready(7));
    });
    assert_eq!(seen, "outer post:outer default none");
    // What is bound outside reaches the operation that is started inside.
    let seen = w.seen_by(|spy| {
        let token = bind_executor(
            w.outer.clone(),
            bind_allocator(w.outer_memory.clone(), UseFuture),
        );
        assert_eq!(Polled::new(spy.with(token)).poll(), Poll::Ready(7));
    });
    assert_eq!(seen, "outer post:outer outer none");
    // An adapter is a part of the operation, wherever it stands.
    let seen = w.seen_by(|spy| {
        let token =
            bind_immediate_executor(w.first.clone(), bind_executor(w.outer.clone(), Blocking));
        assert_eq!(spy.with(token), 7);
    });
    assert_eq!(seen, "outer first default none");
}

#[test]
fn an_immediate_completion_goes_to_the_outermost_executor_alone() {
    #[async_op]
    fn async_now(_io: &Manual, op: Completion<fn(u32)>) {
        op.complete(1);
    }
    #[async_op]
    async fn async_ready(_io: &Manual) -> u32 {
        1
    }

    let w = World::new();
    async_now(
        &w.io,
        bind_executor(
            w.outermost.clone(),
            bind_executor(w.outer.clone(), |_: u32| {}),
        ),
    );
    assert_eq!(w.log.take(), "post:outermost");
    async_ready(
        &w.io,
        bind_executor(
            w.outermost.clone(),
            bind_executor(w.outer.clone(), |_: u32| {}),
        ),
    );
    assert_eq!(w.log.take(), "post:outermost");
    assert_eq!(w.outermost.run(), 2);
}

#[test]
fn what_an_adapter_makes_of_the_arguments_reaches_every_token() {
    let w = World::new();
    let context = IoContext::new().unwrap();
    let log = Log::new();
    let inner = log.clone();
    async_op::executor::post_call(
        &context,
        || 1,
        adapt(
            Plus(1),
            adapt(Plus(10), move |n: u32| inner.push(n.to_string())),
        ),
    );
    context.run();
    assert_eq!(log.take(), "12");
    assert_eq!(w.spy().map(|n| n * 2).blocking(), 14);
}
