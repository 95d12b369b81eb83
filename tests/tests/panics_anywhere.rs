//! Guarantees 1, 3, 4, 6 and 9, wherever foreign code panics: each scenario runs
//! once for each call that it makes of the user's code (executor, allocator,
//! handler, future, result, waker, function, and the drops of all these), and
//! that call panics. Nothing may be lost: every handler ends once, all memory and
//! all work go back.

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use allocator_api2::alloc::Global;
use async_op::alloc::{AllocError, Allocator, OperationAllocator};
use async_op::cancel::{CancellationSignal, CancellationSlot, CancellationType};
use async_op::executor::{AnyExecutor, InlineOr, Strand, dispatch_on, post_call};
use async_op::task::{FrameBox, Task, run_in};
use async_op::{
    Associations, Completion, CompletionHandler, Executor, Handler, Signature, UseFuture, async_op,
    bind_allocator, bind_cancellation_slot, bind_executor, spawn, this_op,
};

thread_local! {
    /// How many calls of foreign code are left until one panics.
    static FUSE: Cell<usize> = const { Cell::new(usize::MAX) };
}

struct Blown;

/// What all foreign code does.
fn foreign() {
    // A second panic would end the process, whatever the library does.
    if std::thread::panicking() {
        return;
    }
    let left = FUSE.get();
    FUSE.set(left.saturating_sub(1));
    if left == 0 {
        FUSE.set(usize::MAX);
        // No message: there are hundreds of these.
        resume_unwind(Box::new(Blown));
    }
}

/// Does something that may panic.
fn step(body: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
        // Of the library's own, one: what a future awaits was abandoned.
        let was_abandoned = panic
            .downcast_ref::<String>()
            .is_some_and(|message| message.contains("was abandoned"));
        assert!(was_abandoned || panic.is::<Blown>(), "an unexpected panic");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something whose drop is foreign code.
struct Drops;

impl Drop for Drops {
    fn drop(&mut self) {
        foreign();
    }
}

/// Counts itself while it lives.
struct Counted(
    Arc<AtomicIsize>,
    #[allow(dead_code, reason = "dropped")] Drops,
);

impl Counted {
    fn new(count: &Arc<AtomicIsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count), Drops)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What must be back at its start when a scenario is over.
#[derive(Clone, Default)]
struct World {
    queue: Arc<Mutex<VecDeque<Task>>>,
    work: Arc<AtomicIsize>,
    blocks: Arc<AtomicIsize>,
    handles: Arc<AtomicIsize>,
    executors: Arc<AtomicIsize>,
    handlers: Arc<AtomicIsize>,
    results: Arc<AtomicIsize>,
    functions: Arc<AtomicIsize>,
    futures: Arc<AtomicIsize>,
    wakers: Arc<AtomicIsize>,
}

struct Home {
    world: World,
    id: usize,
}

impl World {
    fn home(&self, id: usize) -> Home {
        self.executors.fetch_add(1, Ordering::SeqCst);
        Home {
            world: self.clone(),
            id,
        }
    }

    fn handler(&self, slot: &CancellationSlot) -> Ending {
        Ending {
            home: self.home(1),
            allocator: Blocks::new(self),
            slot: slot.clone(),
            _counted: Counted::new(&self.handlers),
        }
    }

    fn result(&self) -> Counted {
        Counted::new(&self.results)
    }

    fn run(&self) {
        loop {
            let task = lock(&self.queue).pop_front();
            let Some(task) = task else { return };
            task.run();
        }
    }

    fn clear(&self) {
        loop {
            let task = lock(&self.queue).pop_front();
            if task.is_none() {
                return;
            }
        }
    }

    fn assert_over(&self) {
        for (what, count) in [
            ("work", &self.work),
            ("blocks", &self.blocks),
            ("handles to the allocator", &self.handles),
            ("executors", &self.executors),
            ("handlers", &self.handlers),
            ("results", &self.results),
            ("functions", &self.functions),
            ("futures", &self.futures),
            ("wakers", &self.wakers),
        ] {
            assert_eq!(count.load(Ordering::SeqCst), 0, "{what} left");
        }
    }
}

impl Clone for Home {
    fn clone(&self) -> Self {
        foreign();
        self.world.home(self.id)
    }
}

// Not foreign: an `async fn` returns before it drops its arguments, and what a
// function has returned is leaked by the compiler if that panics.
impl Drop for Home {
    fn drop(&mut self) {
        self.world.executors.fetch_sub(1, Ordering::SeqCst);
    }
}

impl PartialEq for Home {
    fn eq(&self, other: &Self) -> bool {
        foreign();
        self.id == other.id
    }
}

impl Executor for Home {
    fn post(&self, task: Task) {
        foreign();
        lock(&self.world.queue).push_back(task);
    }

    fn runs_here(&self) -> bool {
        foreign();
        false
    }

    fn work_started(&self) {
        foreign();
        self.world.work.fetch_add(1, Ordering::SeqCst);
    }

    fn work_finished(&self) {
        self.world.work.fetch_sub(1, Ordering::SeqCst);
        foreign();
    }
}

struct Blocks {
    blocks: Arc<AtomicIsize>,
    handle: Counted,
}

impl Blocks {
    fn new(world: &World) -> Self {
        Self {
            blocks: Arc::clone(&world.blocks),
            handle: Counted::new(&world.handles),
        }
    }
}

impl Clone for Blocks {
    fn clone(&self) -> Self {
        foreign();
        Self {
            blocks: Arc::clone(&self.blocks),
            handle: Counted::new(&self.handle.0),
        }
    }
}

// SAFETY: the memory is that of `Global`, through which it also goes back.
unsafe impl Allocator for Blocks {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        foreign();
        let block = Global.allocate(layout)?;
        self.blocks.fetch_add(1, Ordering::SeqCst);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the block came from `Global` with this layout.
        unsafe { Global.deallocate(block, layout) };
        self.blocks.fetch_sub(1, Ordering::SeqCst);
        foreign();
    }
}

struct Ending {
    home: Home,
    allocator: Blocks,
    slot: CancellationSlot,
    _counted: Counted,
}

impl Associations for Ending {
    fn executor<E: Executor>(&self, _: &E) -> impl Executor {
        foreign();
        self.home.clone()
    }

    fn immediate_executor<X: Executor>(&self, own: &X) -> impl Executor {
        foreign();
        InlineOr(own.clone())
    }

    fn allocator(&self) -> impl OperationAllocator {
        foreign();
        self.allocator.clone()
    }

    fn cancellation_slot(&self) -> CancellationSlot {
        foreign();
        self.slot.clone()
    }
}

impl<S: Signature> CompletionHandler<S> for Ending {
    fn complete(self, args: S::Args) {
        foreign();
        drop(args);
    }
}

/// A waker that counts itself.
fn waker(world: &World) -> Waker {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            foreign();
            // SAFETY: as below; one more is counted.
            unsafe { Arc::increment_strong_count(data.cast::<AtomicIsize>()) };
            // SAFETY: as below.
            let count = unsafe { &*data.cast::<AtomicIsize>() };
            count.fetch_add(1, Ordering::SeqCst);
            RawWaker::new(data, &VTABLE)
        },
        |data| {
            // SAFETY: as below.
            unsafe { release(data) };
        },
        |_| foreign(),
        |data| {
            // SAFETY: as below.
            unsafe { release(data) };
        },
    );

    unsafe fn release(data: *const ()) {
        // SAFETY: each waker owns one count of the `Arc`.
        let count = unsafe { Arc::from_raw(data.cast::<AtomicIsize>()) };
        count.fetch_sub(1, Ordering::SeqCst);
        foreign();
    }

    let count = Arc::clone(&world.wakers);
    count.fetch_add(1, Ordering::SeqCst);
    // SAFETY: each waker owns one count of the `Arc`, which is `Send` and `Sync`.
    unsafe { Waker::new(Arc::into_raw(count).cast(), &VTABLE) }
}

type Place = Arc<Mutex<Option<Completion<fn(Counted)>>>>;

/// Handler form: waits in a place.
#[async_op]
fn async_held(_home: &Home, world: World, place: Place, op: Completion<fn(Counted)>) {
    let function = Counted::new(&world.functions);
    op.on_cancel(move |_| {
        foreign();
        drop(function);
    });
    drop((op.allocator(), op.executor()));
    *lock(&place) = Some(op);
    foreign();
}

/// Handler form: completes at once.
#[async_op]
fn async_now(_home: &Home, world: World, op: Completion<fn(Counted)>) {
    op.complete(world.result());
}

#[derive(Clone, Default)]
struct Gate(Arc<Mutex<(bool, Option<Waker>)>>);

impl Gate {
    fn open(&self) {
        let waker = {
            let mut gate = lock(&self.0);
            gate.0 = true;
            gate.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nobody opens it any more.
    fn forget(&self) {
        let waker = lock(&self.0).1.take();
        drop(waker);
    }
}

struct Gated(Gate, #[allow(dead_code, reason = "dropped")] Counted);

impl Future for Gated {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        foreign();
        if lock(&self.0.0).0 {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let previous = lock(&self.0.0).1.replace(waker);
        drop(previous);
        Poll::Pending
    }
}

/// Async form: waits for a gate, in a box.
#[async_op]
async fn async_gated(_home: &Home, world: World, gate: Gate) -> Counted {
    let gated = Gated(gate, Counted::new(&world.futures));
    drop((this_op::allocator(), this_op::executor()));
    FrameBox::new(gated).await;
    world.result()
}

/// Runs a scenario again and again, until no call of foreign code is left that
/// has not panicked once.
fn everywhere(scenario: impl Fn(&World, &CancellationSignal)) {
    quietly();
    for fuse in 0.. {
        let world = World::default();
        let signal = CancellationSignal::new();
        FUSE.set(fuse);
        scenario(&world, &signal);
        let left = FUSE.replace(usize::MAX);
        drop(signal);
        // What is left in the queue, and what that leaves.
        world.run();
        world.assert_over();
        if left <= fuse {
            // Nothing has panicked.
            assert!(fuse > 5, "a scenario of {fuse} calls");
            return;
        }
    }
}

/// What becomes of an operation that has been started, given how to complete it.
type End = fn(&World, &CancellationSignal, &dyn Fn());

const ENDINGS: [End; 4] = [
    |world, _, complete| {
        step(complete);
        step(|| world.run());
    },
    |world, signal, complete| {
        step(|| signal.emit(CancellationType::ALL));
        step(|| world.run());
        step(complete);
        step(|| world.run());
    },
    |world, signal, complete| {
        step(complete);
        step(|| signal.emit(CancellationType::TERMINAL));
        step(|| world.clear());
    },
    |_, _, _| {},
];

/// The library's own panics, of which there are hundreds, are not printed.
fn quietly() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload_as_str().unwrap_or_default();
            if !message.contains("was abandoned") {
                hook(info);
            }
        }));
    });
}

#[test]
fn in_handler_form() {
    for ending in ENDINGS {
        everywhere(|world, signal| {
            let place = Place::default();
            step(|| {
                let handler = Handler(world.handler(&signal.slot()));
                async_held(&world.home(0), world.clone(), place.clone(), handler);
            });
            ending(world, signal, &|| {
                let op = lock(&place).take();
                if let Some(op) = op {
                    op.complete(world.result());
                }
            });
            let op = lock(&place).take();
            step(|| drop(op));
        });
    }
}

#[test]
fn in_handler_form_at_once() {
    everywhere(|world, signal| {
        step(|| {
            let handler = Handler(world.handler(&signal.slot()));
            async_now(&world.home(0), world.clone(), handler);
        });
        step(|| world.run());
    });
}

/// Nobody can ask it to stop.
#[test]
fn in_handler_form_without_a_slot() {
    everywhere(|world, _| {
        step(|| {
            let handler = Handler(world.handler(&CancellationSlot::unconnected()));
            async_now(&world.home(0), world.clone(), handler);
        });
        step(|| world.run());
    });
}

#[test]
fn in_async_form() {
    for ending in ENDINGS {
        everywhere(|world, signal| {
            let gate = Gate::default();
            step(|| {
                let handler = Handler(world.handler(&signal.slot()));
                async_gated(&world.home(0), world.clone(), gate.clone(), handler);
            });
            ending(world, signal, &|| gate.open());
            // A poll stores its waker again.
            step(|| world.run());
            step(|| gate.forget());
        });
    }
}

#[test]
fn spawned() {
    for ending in ENDINGS {
        everywhere(|world, signal| {
            let gate = Gate::default();
            step(|| {
                let gated = Gated(gate.clone(), Counted::new(&world.futures));
                let inner = run_in(Blocks::new(world), async move {
                    FrameBox::new(gated).await;
                });
                let inner_world = world.clone();
                let future = async move {
                    inner.await;
                    inner_world.result()
                };
                let handler = Handler(world.handler(&signal.slot()));
                spawn(&world.home(0), future, handler);
            });
            step(|| world.run());
            ending(world, signal, &|| gate.open());
            // A poll stores its waker again.
            step(|| world.run());
            step(|| gate.forget());
        });
    }
}

/// Polls a future with two wakers, one after the other, and then drops it.
fn hosted<T>(
    world: &World,
    signal: &CancellationSignal,
    ending: End,
    complete: impl Fn(),
    future: impl Future<Output = T>,
) {
    let mut future = Some(Box::pin(future));
    let mut poll = || {
        let mut is_over = true;
        step(|| {
            let waker = waker(world);
            if let Some(future) = future.as_mut() {
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                is_over = polled.is_ready();
            }
        });
        if is_over {
            let future = future.take();
            step(|| drop(future));
        }
    };
    poll();
    step(|| world.run());
    poll();
    ending(world, signal, &complete);
    poll();
    step(|| drop(future));
}

#[test]
fn hosted_in_a_future() {
    for ending in ENDINGS {
        everywhere(|world, signal| {
            let place = Place::default();
            let complete = || {
                let op = lock(&place).take();
                if let Some(op) = op {
                    op.complete(world.result());
                }
            };
            step(|| {
                let token = bind_allocator(Blocks::new(world), UseFuture);
                let token = bind_cancellation_slot(signal.slot(), token);
                let future = async_held(&world.home(0), world.clone(), place.clone(), token);
                hosted(world, signal, ending, complete, future);
            });
            let op = lock(&place).take();
            step(|| drop(op));
        });
    }
}

#[test]
fn started_and_awaited() {
    for ending in ENDINGS {
        everywhere(|world, signal| {
            let gate = Gate::default();
            step(|| {
                let token = bind_cancellation_slot(signal.slot(), UseFuture);
                let token = bind_allocator(Blocks::new(world), token);
                let token = bind_executor(AnyExecutor::new(world.home(1)), token);
                let future = async_gated(&world.home(0), world.clone(), gate.clone(), token);
                hosted(world, signal, ending, || gate.open(), future);
            });
            // A poll stores its waker again.
            step(|| world.run());
            step(|| gate.forget());
        });
    }
}

#[test]
fn through_a_strand() {
    for ending in ENDINGS {
        everywhere(|world, signal| {
            step(|| {
                let strand = Strand::new(world.home(0));
                for _ in 0..2 {
                    let (own, result) = (strand.clone(), world.result());
                    let task = move || {
                        foreign();
                        let last = result;
                        own.post(Task::new(move || drop(last)));
                    };
                    step(|| strand.post(Task::new_in(task, Blocks::new(world))));
                }
                let handler = world.handler(&signal.slot());
                step(|| dispatch_on(&strand, Handler(handler)));
                let handler = bind_executor(strand.clone(), world.handler(&signal.slot()));
                let result = world.result();
                step(|| post_call(&strand, move || result, Handler(handler)));
            });
            ending(world, signal, &|| ());
        });
    }
}
