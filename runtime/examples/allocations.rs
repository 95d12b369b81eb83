//! Where the memory of operations comes from, counted.
//!
//! An operation that outlives the function that starts it needs memory: for its
//! handler, for its result, for a frame. That memory comes from the allocator
//! *associated* with the handler, and goes back to it before the handler is
//! called. So a handler that starts the next operation gets the same block
//! again, and a chain of any length runs in the memory of one step.
//!
//! Run it with `cargo run --release --example allocations`. It fails if a
//! scenario, once warm, takes anything from the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::process::ExitCode;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_op::alloc::{AllocError, Allocator, Recycling};
use async_op::executor::{AnyExecutor, Strand, WorkGuard, dispatch_on};
use async_op::net::{TcpListener, TcpStream};
use async_op::time::Timer;
use async_op::{IoContext, IoExecutor, UseFuture, bind_allocator, post_on, spawn};

const ROUNDS: u64 = 1_000;

// ---------------------------------------------------------------------------
// 1. Three allocators
// ---------------------------------------------------------------------------

// The first is the default, `Recycling`: a handler that has nothing bound takes
// from there. It keeps what is freed, per thread and by size.

/// The second counts, and passes everything on to the default. Any `Allocator`
/// that is a cheap handle can be associated with a handler.
#[derive(Clone, Copy)]
struct Counted;

static BLOCKS: AtomicU64 = AtomicU64::new(0);

// SAFETY: the default allocator does all of it.
unsafe impl Allocator for Counted {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        Recycling.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { Recycling.deallocate(block, layout) };
    }
}

/// The third has room for one block, which it hands out over and over. An agent
/// that does one thing at a time (read, then write, then read) needs no more,
/// because each operation has given the block back when its handler starts the
/// next. If that were not so, the second operation would fail here.
#[derive(Clone)]
struct Slot(Arc<Room>);

struct Room {
    in_use: AtomicBool,
    memory: UnsafeCell<Memory>,
}

#[repr(align(64))]
struct Memory {
    _bytes: MaybeUninit<[u8; 8192]>,
}

// SAFETY: the memory is handed out to one owner at a time, and never touched
// here.
unsafe impl Sync for Room {}

impl Slot {
    fn new() -> Self {
        Self(Arc::new(Room {
            in_use: AtomicBool::new(false),
            memory: UnsafeCell::new(Memory {
                _bytes: MaybeUninit::uninit(),
            }),
        }))
    }
}

// SAFETY: the memory stays where it is while there is a handle, is as large and
// as aligned as what is asked for, and has one owner at a time.
unsafe impl Allocator for Slot {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let fits = layout.size() <= size_of::<Memory>() && layout.align() <= align_of::<Memory>();
        if !fits || self.0.in_use.swap(true, Ordering::Acquire) {
            return Err(AllocError);
        }
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        let memory = NonNull::new(self.0.memory.get().cast()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {
        self.0.in_use.store(false, Ordering::Release);
    }
}

// ---------------------------------------------------------------------------
// 2. Posts
// ---------------------------------------------------------------------------

/// Each handler posts the next. `bind_allocator` is all that it takes.
fn chain(executor: IoExecutor, left: u64) {
    if left > 0 {
        post_on(
            &executor,
            bind_allocator(Counted, move || chain(executor, left - 1)),
        );
    }
}

fn chain_in_run(context: &IoContext) {
    chain(context.executor(), ROUNDS);
    context.run();
}

/// What a thread keeps, it keeps from one call of `run_one` to the next.
fn chain_in_run_one(context: &IoContext) {
    chain(context.executor(), ROUNDS);
    while context.run_one() > 0 {}
}

/// The same with nothing bound: closures have the default.
fn chain_by_default(context: &IoContext) {
    fn chain(executor: IoExecutor, left: u64) {
        if left > 0 {
            post_on(&executor, move || chain(executor, left - 1));
        }
    }
    chain(context.executor(), ROUNDS);
    context.run();
}

/// Nobody runs the context yet, so all of them are there at once. A thread keeps
/// that many, in `run` or out of it.
fn from_outside(context: &IoContext) {
    for _ in 0..ROUNDS {
        post_on(context, bind_allocator(Counted, || {}));
    }
    context.run();
}

/// The same by a handler.
fn fan_out(context: &IoContext) {
    let executor = context.executor();
    post_on(context, move || {
        for _ in 0..ROUNDS {
            post_on(&executor, bind_allocator(Counted, || {}));
        }
    });
    context.run();
}

fn post_then_poll(context: &IoContext) {
    // Without it, `poll` would find no work left and stop the context.
    let _guard = WorkGuard::new(context.executor());
    for _ in 0..ROUNDS {
        post_on(context, bind_allocator(Counted, || {}));
        context.poll();
    }
}

/// A few at a time, as from a handler that starts several operations.
fn bursts<const OF: u64>(context: &IoContext) {
    fn burst<const OF: u64>(executor: IoExecutor, left: u64) {
        for _ in 1..OF {
            post_on(&executor, bind_allocator(Counted, || {}));
        }
        let next = move || {
            if left > OF {
                burst::<OF>(executor, left - OF);
            }
        };
        post_on(&executor, bind_allocator(Counted, next));
    }
    burst::<OF>(context.executor(), ROUNDS);
    context.run();
}

/// An executor whose type is erased takes no memory of its own for a task.
fn any_executor(context: &IoContext) {
    let executor = AnyExecutor::new(context.executor());
    let _guard = WorkGuard::new(executor.clone());
    for _ in 0..ROUNDS {
        dispatch_on(&executor, bind_allocator(Counted, || {}));
        context.poll();
    }
}

/// Nor does a strand: what it queues is the block of the operation itself.
fn strand(executor: &Strand<IoExecutor>, context: &IoContext) {
    let _guard = WorkGuard::new(executor.clone());
    for _ in 0..ROUNDS {
        post_on(executor, bind_allocator(Counted, || {}));
        context.poll();
    }
}

// ---------------------------------------------------------------------------
// 3. Timers and sockets
// ---------------------------------------------------------------------------

/// Each expiry sets the timer anew.
fn wait(context: &IoContext, timer: &Timer) {
    fn step(timer: Timer, left: u64) {
        if left > 0 {
            timer.expires_after(Duration::from_micros(20));
            let next = timer.clone();
            let handler = move |result: io::Result<()>| {
                if result.is_ok() {
                    step(next, left - 1);
                }
            };
            timer.async_wait(bind_allocator(Counted, handler));
        }
    }
    step(timer.clone(), ROUNDS);
    context.run();
}

const LENGTH: usize = 64;

/// An agent: a connection, and the allocator that its operations use.
///
/// The buffer is part of the operation, so it comes from the allocator too.
struct Agent<A> {
    stream: TcpStream,
    allocator: A,
    left: u64,
}

impl<A: Allocator + Clone + Send + 'static> Agent<A> {
    fn new(stream: &TcpStream, allocator: &A, operations: u64) -> Self {
        Self {
            stream: stream.clone(),
            allocator: allocator.clone(),
            left: operations,
        }
    }

    fn write_then(mut self, then: fn(Self)) {
        if self.left > 0 {
            self.left -= 1;
            let (stream, allocator) = (self.stream.clone(), self.allocator.clone());
            let handler = move |result: io::Result<usize>, _: [u8; LENGTH]| {
                assert_eq!(result.expect("a connection"), LENGTH);
                then(self);
            };
            stream.async_write_some([7; LENGTH], bind_allocator(allocator, handler));
        }
    }

    fn read_then(mut self, then: fn(Self)) {
        if self.left > 0 {
            self.left -= 1;
            let (stream, allocator) = (self.stream.clone(), self.allocator.clone());
            let handler = move |result: io::Result<usize>, message: [u8; LENGTH]| {
                assert_eq!(result.expect("a connection"), LENGTH);
                assert_eq!(message, [7; LENGTH]);
                then(self);
            };
            stream.async_read_some([0; LENGTH], bind_allocator(allocator, handler));
        }
    }

    fn ask(self) {
        self.write_then(Self::await_answer);
    }

    fn await_answer(self) {
        self.read_then(Self::ask);
    }

    fn answer(self) {
        self.read_then(Self::send_answer);
    }

    fn send_answer(self) {
        self.write_then(Self::answer);
    }

    fn write_on(self) {
        self.write_then(Self::write_on);
    }

    fn read_on(self) {
        self.read_then(Self::read_on);
    }
}

/// One chain: an agent that reads *or* writes has one operation at a time, so
/// one slot is enough. The peer is an agent of its own, with the default.
fn half_duplex(context: &IoContext, [a, b]: &[TcpStream; 2], slot: &Slot) {
    Agent::new(a, slot, ROUNDS).ask();
    Agent::new(b, &Recycling, ROUNDS).answer();
    context.run();
}

/// Two chains: an agent that reads *and* writes has two operations at a time,
/// one in each direction, and gives each direction an allocator.
fn full_duplex(context: &IoContext, [a, b]: &[TcpStream; 2], [reading, writing]: &[Slot; 2]) {
    Agent::new(a, reading, ROUNDS / 2).read_on();
    Agent::new(a, writing, ROUNDS / 2).write_on();
    Agent::new(b, &Recycling, ROUNDS / 2).read_on();
    Agent::new(b, &Recycling, ROUNDS / 2).write_on();
    context.run();
}

fn connection(context: &IoContext) -> io::Result<[TcpStream; 2]> {
    let listener = TcpListener::bind(context, ([127, 0, 0, 1], 0).into())?;
    let a = TcpStream::connect(context, listener.local_addr()?).blocking()?;
    let (b, _) = listener.accept().blocking()?;
    a.set_nodelay(true)?;
    b.set_nodelay(true)?;
    Ok([a, b])
}

// ---------------------------------------------------------------------------
// 4. Futures
// ---------------------------------------------------------------------------

/// A future that spawns others and awaits them. Its own allocator is bound once,
/// to the token; what is awaited inside uses that too, without a word.
fn join_in_a_future(context: &IoContext) {
    let executor = context.executor();
    let parent = async move {
        for n in 1..ROUNDS {
            let child = spawn(&executor, async move { n }, UseFuture);
            assert_eq!(child.await, n);
        }
    };
    spawn(context, parent, bind_allocator(Counted, |()| {}));
    context.run();
}

/// The same with callbacks. The frame of a future has gone back to its allocator
/// before the callback is called, so the next one may have it.
fn join_by_callback(context: &IoContext) {
    fn next(executor: IoExecutor, left: u64) {
        if left > 0 {
            let handler = move |n: u64| next(executor, n - 1);
            spawn(
                &executor,
                async move { left },
                bind_allocator(Counted, handler),
            );
        }
    }
    next(context.executor(), ROUNDS);
    context.run();
}

/// A connection that starts with a large handshake and then works in small
/// steps. They take turns with the same memory: it needs the larger of the two,
/// not the sum.
fn large_then_small(context: &IoContext, timer: &Timer, slot: &Slot) {
    fn small(executor: IoExecutor, slot: Slot, left: u64) {
        if left > 0 {
            let allocator = slot.clone();
            let handler = move || small(executor, slot, left - 1);
            post_on(&executor, bind_allocator(allocator, handler));
        }
    }

    let (executor, allocator) = (context.executor(), slot.clone());
    let timer = timer.clone();
    let handshake = async move {
        let mut certificate = [1_u8; 4096];
        timer.expires_after(Duration::from_micros(20));
        timer.wait().await.expect("the peer's answer");
        certificate[0] = 2;
        certificate.iter().map(|&byte| u64::from(byte)).sum()
    };
    let slot = slot.clone();
    let handler = move |checksum: u64| {
        assert_eq!(checksum, 4097);
        small(executor, slot, ROUNDS - 1);
    };
    spawn(context, handshake, bind_allocator(allocator, handler));
    context.run();
}

// ---------------------------------------------------------------------------
// 5. From one thread to another
// ---------------------------------------------------------------------------

const MANY: u64 = 1_000_000;
const IN_FLIGHT: u64 = 1_024;

/// How many operations have been started and not completed.
static STARTED: AtomicU64 = AtomicU64::new(0);

struct Threads<'a> {
    producer: IoExecutor,
    consumer: &'a IoContext,
    /// For the job of the producer. Single blocks stay where they were freed:
    /// with the default, this one would come from the heap each time.
    slot: Slot,
}

/// One thread starts operations, another completes them: each block is taken
/// here and given back there. The default allocator passes the blocks back in
/// batches, so that the one does not go to the heap for ever while the other
/// piles them up.
fn pass(threads: &Threads<'_>, count: u64, at_once: u64, stalled: bool) {
    let to = threads.consumer.executor();
    let guard = WorkGuard::new(to);
    let job = move || {
        let _guard = guard;
        for _ in 0..count {
            while STARTED.load(Ordering::Acquire) >= at_once {
                thread::yield_now();
            }
            STARTED.fetch_add(1, Ordering::Relaxed);
            let handler = || {
                STARTED.fetch_sub(1, Ordering::Release);
            };
            post_on(&to, bind_allocator(Counted, handler));
        }
    };
    post_on(&threads.producer, bind_allocator(threads.slot.clone(), job));
    while stalled && STARTED.load(Ordering::Relaxed) < at_once {
        thread::yield_now();
    }
    threads.consumer.run();
}

/// What is in use and what a thread keeps add up to a most. The warm-up gets
/// there: the consumer first fills its shelf, and then rests until more is on
/// the way than will be later. So there are then, besides the shelf, blocks for
/// `2 * IN_FLIGHT` operations; `IN_FLIGHT` of them are in use later at the most, and
/// two batches of 64 in the hands of the threads. However slow a thread is, the depot
/// has some left, and room for all (32 batches).
fn warm_up(threads: &Threads<'_>) {
    pass(threads, 20 * IN_FLIGHT, IN_FLIGHT, false);
    threads.consumer.restart();
    pass(threads, 2 * IN_FLIGHT, 2 * IN_FLIGHT, true);
}

// ---------------------------------------------------------------------------
// 6. The table
// ---------------------------------------------------------------------------

fn main() -> io::Result<ExitCode> {
    println!(
        "{:<44} {:<10} {:>10} {:>9} {:>7}",
        "scenario", "allocator", "operations", "blocks", "heap"
    );
    let context = IoContext::new()?;
    let mut table = Table {
        context: &context,
        heap: 0,
    };

    table.row("chained posts, run", "default", ROUNDS, chain_by_default);
    table.row("chained posts, run", "counted", ROUNDS, chain_in_run);
    table.row(
        "chained posts, run_one",
        "counted",
        ROUNDS,
        chain_in_run_one,
    );
    table.row(
        "posts from outside, then run",
        "counted",
        ROUNDS,
        from_outside,
    );
    table.row(
        "post from outside, then poll",
        "counted",
        ROUNDS,
        post_then_poll,
    );
    table.row("bursts of 4 posts", "counted", ROUNDS, bursts::<4>);
    table.row(
        "bursts of 64 posts",
        "counted",
        ROUNDS / 64 * 64 + 64,
        bursts::<64>,
    );
    table.row("fan-out of 1,000 posts", "counted", ROUNDS, fan_out);
    table.row(
        "dispatch to AnyExecutor from outside",
        "counted",
        ROUNDS,
        any_executor,
    );
    let on_strand = Strand::new(context.executor());
    table.row(
        "post to a strand from outside",
        "counted",
        ROUNDS,
        |context| {
            strand(&on_strand, context);
        },
    );
    // I/O objects have shared state, made with them, not with their operations.
    let timer = Timer::new(&context);
    table.row("timer chain", "counted", ROUNDS, |context| {
        wait(context, &timer);
    });

    let ends = connection(&context)?;
    let (slot, slots) = (Slot::new(), [Slot::new(), Slot::new()]);
    table.row("TCP half duplex, one chain", "slot", ROUNDS, |context| {
        half_duplex(context, &ends, &slot);
    });
    table.row(
        "TCP full duplex, two chains",
        "two slots",
        ROUNDS,
        |context| {
            full_duplex(context, &ends, &slots);
        },
    );

    table.row(
        "spawn and join in a future",
        "counted",
        ROUNDS,
        join_in_a_future,
    );
    table.row(
        "spawn and join by callback",
        "counted",
        ROUNDS,
        join_by_callback,
    );
    table.row(
        "large handshake, then small steps",
        "slot",
        ROUNDS,
        |context| {
            large_then_small(context, &timer, &slot);
        },
    );

    // Two threads, each with a context, there for the warm-up and the count.
    let theirs = IoContext::new()?;
    thread::scope(|scope| {
        let guard = WorkGuard::new(theirs.executor());
        scope.spawn(|| theirs.run());
        let threads = Threads {
            producer: theirs.executor(),
            consumer: &context,
            slot: Slot::new(),
        };
        warm_up(&threads);
        // One more, for the job.
        table.count("one thread to another", "counted", MANY + 1, |_| {
            pass(&threads, MANY, IN_FLIGHT, false);
        });
        drop(guard);
    });

    println!("total heap allocations: {}", table.heap);
    Ok(if table.heap == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Table<'a> {
    context: &'a IoContext,
    heap: u64,
}

impl Table<'_> {
    /// Runs a scenario to warm up, then again with a watch on the heap.
    fn row(&mut self, name: &str, allocator: &str, operations: u64, run: impl Fn(&IoContext)) {
        run(self.context);
        self.count(name, allocator, operations, run);
    }

    /// Runs a scenario, and prints what it took: blocks from the allocator that
    /// is bound, and allocations from the heap, on all threads.
    fn count(&mut self, name: &str, allocator: &str, operations: u64, run: impl Fn(&IoContext)) {
        self.context.restart();
        BLOCKS.store(0, Ordering::Relaxed);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        run(self.context);
        let heap = ALLOCATIONS.load(Ordering::Relaxed) - before;
        self.context.restart();
        self.heap += heap;

        // Nothing is bound where the default is, so nothing counts the blocks.
        let blocks = match allocator {
            "default" => "-".to_owned(),
            _ => BLOCKS.load(Ordering::Relaxed).to_string(),
        };
        println!("{name:<44} {allocator:<10} {operations:>10} {blocks:>9} {heap:>7}");
        if heap > 0 {
            let sizes = (before..before + heap).take(SIZES.len()).map(|number| {
                let size = &SIZES[number as usize % SIZES.len()];
                size.load(Ordering::Relaxed)
            });
            println!("  of bytes: {:?}", sizes.collect::<Vec<_>>());
        }
    }
}

/// Counts what the whole program takes from the heap, on every thread.
struct CountingHeap;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// The sizes of the last allocations, by their numbers.
static SIZES: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];

#[global_allocator]
static GLOBAL: CountingHeap = CountingHeap;

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let number = ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        SIZES[number as usize % SIZES.len()].store(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}
