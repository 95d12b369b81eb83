//! The default allocator, and allocators of one's own in its place.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use async_op::alloc::{AllocError, Allocator, Recycling};
use async_op::executor::WorkGuard;
use async_op::net::TcpStream;
use async_op::{IoContext, IoExecutor, bind_allocator, post_on};
use async_op_tests::{Slot, net};
use bumpalo::Bump;

// ---------------------------------------------------------------------------
// The heap
// ---------------------------------------------------------------------------

/// Counts, for the thread and for each size of the default allocator's blocks.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

/// The default allocator's blocks are the only ones of this alignment and size.
const ALIGN: usize = 16;
const LARGEST: usize = 16 * 1024;

static MADE: [AtomicUsize; LARGEST / ALIGN + 1] =
    [const { AtomicUsize::new(0) }; LARGEST / ALIGN + 1];
static FREED: [AtomicUsize; LARGEST / ALIGN + 1] =
    [const { AtomicUsize::new(0) }; LARGEST / ALIGN + 1];

thread_local! {
    static MADE_HERE: Cell<usize> = const { Cell::new(0) };
    static FREED_HERE: Cell<usize> = const { Cell::new(0) };
}

fn count(counts: &[AtomicUsize], layout: Layout) {
    if layout.align() == ALIGN
        && layout.size() <= LARGEST
        && let Some(count) = counts.get(layout.size() / ALIGN)
    {
        count.fetch_add(1, Ordering::SeqCst);
    }
}

// SAFETY: `System` does all of it.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE_HERE.set(MADE_HERE.get() + 1);
        count(&MADE, layout);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        FREED_HERE.set(FREED_HERE.get() + 1);
        count(&FREED, layout);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many blocks of a size the heap has given, all in all.
fn made(size: usize) -> usize {
    MADE[size / ALIGN].load(Ordering::SeqCst)
}

/// How many of them it has not got back.
fn live(size: usize) -> usize {
    made(size) - FREED[size / ALIGN].load(Ordering::SeqCst)
}

/// A block of the default allocator, to be held for a while.
struct Block(NonNull<u8>, Layout);

// SAFETY: the block is its owner's.
unsafe impl Send for Block {}

impl Block {
    fn new(size: usize) -> Self {
        Self::aligned(size, 8)
    }

    fn aligned(size: usize, align: usize) -> Self {
        let layout = Layout::from_size_align(size, align).unwrap();
        let block = Recycling.allocate(layout).unwrap();
        assert!(block.len() >= size);
        assert!(block.cast::<u8>().addr().get().is_multiple_of(align));
        Self(block.cast(), layout)
    }

    fn many(count: usize, size: usize) -> Vec<Self> {
        (0..count).map(|_| Self::new(size)).collect()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, given up here.
        unsafe { Recycling.deallocate(self.0, self.1) };
    }
}

/// Calls `body` on a thread of its own, with nothing kept and nobody beside it.
fn alone(body: impl FnOnce() + Send + 'static) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Recycling::trim();
    thread::spawn(body).join().unwrap();
}

// What the documentation of `Recycling` promises.
const KEPT: usize = 256 * 1024;
const IN_TRANSIT: usize = 1024 * 1024;

/// How many blocks go from thread to thread at a time.
fn batch(size: usize) -> usize {
    (32 * 1024 / size).clamp(8, 64)
}

// ---------------------------------------------------------------------------
// The default
// ---------------------------------------------------------------------------

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn blocks_freed_on_another_thread_come_back() {
    const SIZE: usize = 768;
    const AT_ONCE: usize = 256;
    alone(|| {
        let (sender, receiver) = mpsc::sync_channel::<Vec<Block>>(0);
        let (reply, done) = mpsc::sync_channel(0);
        let consumer = thread::spawn(move || {
            for blocks in receiver {
                drop(blocks);
                reply.send(()).unwrap();
            }
        });
        let (before, mut warm) = (made(SIZE), 0);
        for round in 0..1000 {
            if round == 100 {
                warm = made(SIZE);
            }
            sender.send(Block::many(AT_ONCE, SIZE)).unwrap();
            done.recv().unwrap();
        }
        assert_eq!(made(SIZE), warm);
        // What is in use, and what the consumer keeps.
        assert!(made(SIZE) - before <= AT_ONCE + KEPT / SIZE);
        drop(sender);
        consumer.join().unwrap();
    });
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_producer_and_a_consumer_need_what_is_in_flight_and_what_a_thread_keeps() {
    const SIZE: usize = 1024;
    const IN_FLIGHT: usize = 256;
    alone(|| {
        let before = made(SIZE);
        let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
        let consumer = thread::spawn(move || receiver.iter().for_each(drop::<Block>));
        for _ in 0..100_000 {
            sender.send(Block::new(SIZE)).unwrap();
        }
        drop(sender);
        consumer.join().unwrap();
        // In the channel, in two hands, on the consumer's shelf and off it, and
        // the one that is made because nothing else was left.
        let most = IN_FLIGHT + 2 + KEPT / SIZE + batch(SIZE) + 1;
        let needed = made(SIZE) - before;
        assert!(needed <= most, "{needed} blocks, of at most {most}");
    });
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn what_is_kept_is_bounded_and_trim_gives_it_back() {
    const SIZE: usize = 512;
    const COUNT: usize = 5000;
    alone(|| {
        let before = live(SIZE);
        let blocks = Block::many(COUNT, SIZE);
        assert_eq!(live(SIZE) - before, COUNT);
        drop(blocks);
        // The depot is full; the shelf is, but for a batch at the most.
        let kept = (live(SIZE) - before) * SIZE;
        assert!(kept <= KEPT + IN_TRANSIT, "{kept} bytes kept");
        assert!(kept > KEPT + IN_TRANSIT - batch(SIZE) * SIZE, "{kept}");
        // All of that is used again, before anything new is made.
        let made_before = made(SIZE);
        drop(Block::many(kept / SIZE, SIZE));
        assert_eq!(made(SIZE), made_before);
        drop(Block::many(kept / SIZE + 1, SIZE));
        assert_eq!(made(SIZE), made_before + 1);

        Recycling::trim();
        assert_eq!(live(SIZE), before);
        // It goes on as before.
        drop(Block::new(SIZE));
        drop(Block::new(SIZE));
        assert_eq!(live(SIZE) - before, 1);
        Recycling::trim();
        assert_eq!(live(SIZE), before);
    });
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn trim_leaves_what_is_in_use_and_what_others_keep() {
    const SIZE: usize = 320;
    alone(|| {
        let before = live(SIZE);
        let held = Block::many(10, SIZE);
        drop(Block::many(90, SIZE));
        let (sender, receiver) = mpsc::sync_channel::<()>(0);
        let (reply, kept) = mpsc::sync_channel(0);
        let other = thread::spawn(move || {
            drop(Block::many(20, SIZE));
            reply.send(()).unwrap();
            receiver.recv().unwrap();
        });
        kept.recv().unwrap();
        assert_eq!(live(SIZE) - before, 120);
        Recycling::trim();
        assert_eq!(live(SIZE) - before, 30);
        sender.send(()).unwrap();
        other.join().unwrap();
        // Not a batch: to the heap.
        assert_eq!(live(SIZE) - before, 10);
        drop(held);
        assert_eq!(live(SIZE) - before, 10);
        Recycling::trim();
        assert_eq!(live(SIZE), before);
    });
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_thread_that_ends_leaves_its_blocks_to_others() {
    const SIZE: usize = 2048;
    alone(|| {
        let before = live(SIZE);
        thread::spawn(|| drop(Block::many(100, SIZE)))
            .join()
            .unwrap();
        // Whole batches are left, the rest goes to the heap.
        let left = 100 / batch(SIZE) * batch(SIZE);
        assert_eq!(left, 96);
        assert_eq!(live(SIZE) - before, left);
        let made_before = made(SIZE);
        let blocks = Block::many(left, SIZE);
        assert_eq!(made(SIZE), made_before);
        let another = Block::new(SIZE);
        assert_eq!(made(SIZE), made_before + 1);
        drop((blocks, another));
    });
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn many_threads_that_come_and_go_pile_nothing_up() {
    const SIZE: usize = 1536;
    alone(|| {
        let before = live(SIZE);
        for _ in 0..50 {
            thread::spawn(|| drop(Block::many(200, SIZE)))
                .join()
                .unwrap();
            // One thread's worth.
            assert!(live(SIZE) - before <= 200);
        }
        Recycling::trim();
        assert_eq!(live(SIZE), before);
    });
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_fan_out_beyond_what_is_kept() {
    /// Of the largest size but one, whatever an operation adds.
    const PAYLOAD: usize = 1200;
    const SIZE: usize = 1536;
    const COUNT: usize = 3000;
    alone(|| {
        let context = IoContext::new().unwrap();
        let before = live(SIZE);
        let fan_out = || {
            let made_before = made(SIZE);
            let sum = Arc::new(AtomicUsize::new(0));
            for _ in 0..COUNT {
                let (sum, payload) = (Arc::clone(&sum), [1_u8; PAYLOAD]);
                post_on(&context, move || {
                    sum.fetch_add(payload.len(), Ordering::Relaxed);
                });
            }
            assert_eq!(live(SIZE) - before, COUNT);
            assert_eq!(context.run(), COUNT);
            context.restart();
            assert_eq!(sum.load(Ordering::Relaxed), COUNT * PAYLOAD);
            made(SIZE) - made_before
        };
        assert_eq!(fan_out(), COUNT);
        let kept = live(SIZE) - before;
        assert!(kept * SIZE <= KEPT + IN_TRANSIT, "{kept} blocks kept");
        assert_eq!(fan_out(), COUNT - kept);
        assert_eq!(live(SIZE) - before, kept);
    });
}

#[test]
fn larger_and_overaligned_blocks_go_straight_to_the_heap() {
    for (size, align) in [
        (64, 128),
        (64, 4096),
        (257, 32),
        (LARGEST + 1, 8),
        (100_000, 16),
    ] {
        for _ in 0..3 {
            let made = MADE_HERE.get();
            let block = Block::aligned(size, align);
            assert_eq!(MADE_HERE.get() - made, 1);
            let freed = FREED_HERE.get();
            drop(block);
            assert_eq!(FREED_HERE.get() - freed, 1);
        }
    }
}

#[test]
#[cfg_attr(feature = "tracing", ignore = "the list of what is outstanding grows")]
fn an_overaligned_operation_does_too() {
    #[repr(align(128))]
    struct Aligned(u8);

    let context = IoContext::new().unwrap();
    for n in 0..3 {
        let (made, freed) = (MADE_HERE.get(), FREED_HERE.get());
        let aligned = Aligned(n);
        post_on(&context, move || {
            let aligned = &aligned;
            assert!(std::ptr::from_ref(aligned).addr().is_multiple_of(128));
            assert_eq!(aligned.0, n);
        });
        assert_eq!(MADE_HERE.get() - made, 1);
        assert_eq!(context.run(), 1);
        assert_eq!(FREED_HERE.get() - freed, 1);
        context.restart();
    }
}

#[test]
fn nothing_is_kept_by_a_thread_that_is_ending() {
    const SIZE: usize = 192;

    struct Late(RefCell<Vec<Block>>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.borrow_mut().clear();
            drop(Block::many(3, SIZE));
            self.0.borrow_mut().push(Block::new(SIZE));
        }
    }
    thread_local! {
        static FIRST: Late = const { Late(RefCell::new(Vec::new())) };
        static LAST: Late = const { Late(RefCell::new(Vec::new())) };
    }

    alone(|| {
        let before = live(SIZE);
        thread::spawn(|| {
            // The destructors run in an order that depends on who came first:
            // one of these runs before that of the allocator, one after.
            FIRST.with(|first| first.0.borrow_mut().reserve(10));
            let blocks = Block::many(5, SIZE);
            LAST.with(|last| last.0.borrow_mut().extend(blocks));
            FIRST.with(|first| first.0.borrow_mut().extend(Block::many(5, SIZE)));
        })
        .join()
        .unwrap();
        assert_eq!(live(SIZE), before);
    });
}

// ---------------------------------------------------------------------------
// An arena
// ---------------------------------------------------------------------------

/// A handle to an arena. With a handle in each operation, the arena lives as
/// long as anything in it.
#[derive(Clone)]
struct Arena(Arc<ArenaState>);

#[derive(Default)]
struct ArenaState {
    bump: Mutex<Bump>,
    allocations: AtomicUsize,
    live: AtomicUsize,
    peak: AtomicUsize,
}

impl Arena {
    fn with_capacity(bytes: usize) -> Self {
        Self(Arc::new(ArenaState {
            bump: Mutex::new(Bump::with_capacity(bytes)),
            ..ArenaState::default()
        }))
    }

    /// How many blocks there were, are, and were at once.
    fn counts(&self) -> (usize, usize, usize) {
        let state = &*self.0;
        (
            state.allocations.load(Ordering::SeqCst),
            state.live.load(Ordering::SeqCst),
            state.peak.load(Ordering::SeqCst),
        )
    }

    fn capacity(&self) -> usize {
        self.0.bump.lock().unwrap().allocated_bytes()
    }
}

// SAFETY: the arena does all of it. It stays where it is while there is a
// handle, and is not reset.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let state = &*self.0;
        state.allocations.fetch_add(1, Ordering::SeqCst);
        let live = state.live.fetch_add(1, Ordering::SeqCst) + 1;
        state.peak.fetch_max(live, Ordering::SeqCst);
        (&*state.bump.lock().unwrap()).allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
        let bump = self.0.bump.lock().unwrap();
        // SAFETY: the caller's promise is passed on.
        unsafe { (&*bump).deallocate(block, layout) };
    }
}

#[test]
fn a_chain_in_an_arena() {
    const LINKS: usize = 1000;
    fn link(executor: IoExecutor, arena: Arena, left: usize) {
        if left > 0 {
            let allocator = arena.clone();
            let handler = move || link(executor, arena, left - 1);
            post_on(&executor, bind_allocator(allocator, handler));
        }
    }

    let (context, arena) = (IoContext::new().unwrap(), Arena::with_capacity(1024));
    let capacity = arena.capacity();
    assert!(capacity < LINKS * 16, "not room for all of them");
    link(context.executor(), arena.clone(), 1);
    assert_eq!(context.run(), 1);
    context.restart();

    let before = MADE_HERE.get();
    link(context.executor(), arena.clone(), LINKS);
    assert_eq!(context.run(), LINKS);
    assert_eq!(MADE_HERE.get() - before, 0);
    assert_eq!(arena.counts(), (LINKS + 1, 0, 1));
    // An arena takes the block that was handed out last back.
    assert_eq!(arena.capacity(), capacity);
}

#[test]
#[cfg_attr(feature = "tracing", ignore = "the list of what is outstanding grows")]
fn many_at_once_in_an_arena() {
    const COUNT: usize = 100;
    let (context, arena) = (
        IoContext::new().unwrap(),
        Arena::with_capacity(COUNT * 1024),
    );
    let before = MADE_HERE.get();
    for _ in 0..COUNT {
        post_on(&context, bind_allocator(arena.clone(), || ()));
    }
    assert_eq!(MADE_HERE.get() - before, 0);
    assert_eq!(arena.counts(), (COUNT, COUNT, COUNT));
    thread::scope(|scope| {
        let run = || context.run();
        let threads = [scope.spawn(run), scope.spawn(run)];
        let ran: usize = threads.map(|thread| thread.join().unwrap()).iter().sum();
        assert_eq!(ran, COUNT);
    });
    assert_eq!(arena.counts(), (COUNT, 0, COUNT));
}

#[test]
fn an_arena_lives_as_long_as_what_is_in_it_and_no_longer() {
    let (context, arena) = (IoContext::new().unwrap(), Arena::with_capacity(1024));
    let weak = Arc::downgrade(&arena.0);
    let seen = weak.clone();
    let handler = move || assert!(seen.upgrade().is_none());
    post_on(&context, bind_allocator(arena, handler));
    assert_eq!(weak.upgrade().unwrap().live.load(Ordering::SeqCst), 1);
    assert_eq!(context.run(), 1);

    let arena = Arena::with_capacity(1024);
    let weak = Arc::downgrade(&arena.0);
    context.restart();
    post_on(&context, bind_allocator(arena, || ()));
    drop(context);
    assert!(weak.upgrade().is_none());
}

// ---------------------------------------------------------------------------
// A slot per connection
// ---------------------------------------------------------------------------

/// A connection that reads, then writes, and so on.
struct Agent {
    stream: TcpStream,
    slot: Slot,
    left: usize,
}

impl Agent {
    fn read(mut self) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        assert!(!self.slot.in_use());
        let (stream, slot) = (self.stream.clone(), self.slot.clone());
        let handler = move |result: io::Result<usize>, buffer: [u8; 64]| {
            assert_eq!((result.unwrap(), buffer), (64, [7; 64]));
            self.write();
        };
        stream.async_read_some([0; 64], bind_allocator(slot, handler));
    }

    fn write(mut self) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        assert!(!self.slot.in_use());
        let (stream, slot) = (self.stream.clone(), self.slot.clone());
        let handler = move |result: io::Result<usize>, _: [u8; 64]| {
            assert_eq!(result.unwrap(), 64);
            self.read();
        };
        stream.async_write_some([7; 64], bind_allocator(slot, handler));
    }
}

#[test]
fn a_slot_for_each_of_ten_connections() {
    const CONNECTIONS: usize = 10;
    const OPERATIONS: usize = 200;
    let context = IoContext::new().unwrap();
    let guard = WorkGuard::new(context.executor());
    let ends: Vec<_> = (0..CONNECTIONS).map(|_| net::pair(&context)).collect();
    let slots: Vec<_> = ends.iter().map(|_| (Slot::new(), Slot::new())).collect();
    let talk = || {
        for ((a, b), (slot_a, slot_b)) in ends.iter().zip(&slots) {
            let agent = |stream: &TcpStream, slot: &Slot| Agent {
                stream: stream.clone(),
                slot: slot.clone(),
                left: OPERATIONS,
            };
            agent(a, slot_a).write();
            agent(b, slot_b).read();
        }
    };
    let run = || {
        let enough = 2 * CONNECTIONS * OPERATIONS;
        let done = |(a, b): &(Slot, Slot)| a.allocations() + b.allocations();
        while slots.iter().map(done).sum::<usize>() % enough > 0
            || slots.iter().any(|(a, b)| a.in_use() || b.in_use())
        {
            context.run_one();
        }
    };
    talk();
    run();
    let before = MADE_HERE.get();
    talk();
    run();
    // The stubs of the wakers are recycled, but not under a sanitizer.
    if !cfg!(async_op_sanitize) {
        assert_eq!(MADE_HERE.get() - before, 0);
    }
    for (a, b) in &slots {
        assert_eq!(a.allocations(), 2 * OPERATIONS);
        assert_eq!(b.allocations(), 2 * OPERATIONS);
    }
    drop(guard);
}
