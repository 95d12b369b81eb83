//! What tests and models of operations are made of: an executor that keeps its
//! tasks until told to run them, an allocator and a handler that keep records.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Task, TaskQueue};
use crate::alloc::{AllocError, Allocator, Global, OperationAllocator};
use crate::executor::Executor;
use crate::handler::{Associations, CompletionHandler};
use crate::meta::Meta;
use crate::shim;
use crate::signature::Signature;
use crate::site::Site;

pub(crate) const META: Meta = Meta::new("async_test", &[], &[]);

pub(crate) fn site() -> Site {
    Site::here(&META)
}

/// Returns a model checker for the schedules with at most `preemptions` switches
/// that no lock asks for, or as many as `LOOM_MAX_PREEMPTIONS` says: where all of
/// them would take minutes.
#[cfg(async_op_loom)]
pub(crate) fn bounded(preemptions: usize) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder
}

/// Counts outside what loom models: a count is no synchronisation.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Adds to a count when dropped.
pub(crate) struct CountDrop(pub(crate) Count);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// An executor whose tasks wait for [`run`](Self::run).
#[derive(Clone)]
pub(crate) struct TestExecutor {
    // The shim's, so that a model sees a task carry its memory along.
    queue: Arc<shim::Mutex<TaskQueue>>,
    work: Arc<AtomicIsize>,
}

impl TestExecutor {
    pub(crate) fn new() -> Self {
        Self {
            queue: Arc::new(shim::Mutex::new(TaskQueue::default())),
            work: Arc::default(),
        }
    }

    fn pop(&self) -> Option<Task> {
        self.queue.lock().pop()
    }

    /// Runs what is queued, and what that queues; returns how many tasks.
    pub(crate) fn run(&self) -> usize {
        let mut count = 0;
        while let Some(task) = self.pop() {
            task.run();
            count += 1;
        }
        count
    }

    /// Drops what is queued, as a context does that goes away.
    pub(crate) fn clear(&self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }

    pub(crate) fn work(&self) -> isize {
        self.work.load(Ordering::Relaxed)
    }
}

impl PartialEq for TestExecutor {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.queue, &other.queue)
    }
}

impl Executor for TestExecutor {
    fn post(&self, task: Task) {
        self.queue.lock().push(task);
    }

    fn work_started(&self) {
        self.work.fetch_add(1, Ordering::Relaxed);
    }

    fn work_finished(&self) {
        self.work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An allocator that knows its blocks. What it gets back is scribbled over, and
/// freed with the allocator only, so that a late user runs into the scribble.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Blocks>>);

#[derive(Default)]
struct Blocks {
    live: Vec<(usize, Layout)>,
    freed: Vec<(NonNull<u8>, Layout)>,
}

// SAFETY: the pointers are the allocator's own.
unsafe impl Send for Blocks {}

impl Recorder {
    /// Returns how many blocks there are.
    pub(crate) fn live(&self) -> usize {
        self.0.lock().unwrap().live.len()
    }

    /// Returns how many blocks there have been.
    #[cfg(not(async_op_loom))]
    pub(crate) fn total(&self) -> usize {
        let blocks = self.0.lock().unwrap();
        blocks.live.len() + blocks.freed.len()
    }

    /// Returns a function that tells [`live`](Self::live) and is no handle.
    #[cfg(not(async_op_loom))]
    pub(crate) fn watch(&self) -> impl Fn() -> usize + Send + use<> {
        let blocks = Arc::downgrade(&self.0);
        move || blocks.upgrade().map_or(0, |blocks| Self(blocks).live())
    }

    /// Returns how many copies of this handle there are.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

// SAFETY: blocks are the global allocator's, and stay until the last clone of
// the handle is gone.
unsafe impl Allocator for Recorder {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = Global.allocate(layout)?;
        let address = block.cast::<u8>().addr().get();
        self.0.lock().unwrap().live.push((address, layout));
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let mut blocks = self.0.lock().unwrap();
        let index = blocks
            .live
            .iter()
            .position(|known| *known == (block.addr().get(), layout))
            .expect("a block is freed once, as it was allocated");
        blocks.live.swap_remove(index);
        blocks.freed.push((block, layout));
        // SAFETY: the block has just been given up.
        unsafe { block.write_bytes(0xDB, layout.size()) };
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for (block, layout) in self.freed.drain(..) {
            // SAFETY: allocated with this layout, and in the list once.
            unsafe { Global.deallocate(block, layout) };
        }
    }
}

/// What became of a handler.
#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) executor: TestExecutor,
    pub(crate) memory: Recorder,
    pub(crate) called: Count,
    pub(crate) dropped: Count,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            executor: TestExecutor::new(),
            memory: Recorder::default(),
            called: Count::default(),
            dropped: Count::default(),
        }
    }

    /// Makes the one handler of this record.
    pub(crate) fn handler(&self) -> Recorded {
        Recorded {
            handles: self.memory.handles(),
            record: self.clone(),
        }
    }

    /// Asserts that the handler is gone, having been called `times` times.
    pub(crate) fn assert_over(&self, times: usize) {
        assert_eq!(self.called.get(), times, "calls of the handler");
        assert_eq!(self.dropped.get(), 1, "drops of the handler");
        assert_eq!(self.memory.live(), 0, "blocks of the operation");
        assert_eq!(self.executor.work(), 0, "work on the executor");
    }
}

/// A handler that checks, when called or dropped, that the operation has given
/// back its memory, and the allocator after that.
pub(crate) struct Recorded {
    record: Record,
    handles: usize,
}

impl Associations for Recorded {
    fn executor<E: Executor>(&self, _io: &E) -> impl Executor {
        self.record.executor.clone()
    }

    fn allocator(&self) -> impl OperationAllocator {
        self.record.memory.clone()
    }
}

impl<S: Signature + 'static> CompletionHandler<S> for Recorded {
    fn complete(self, _: S::Args) {
        self.record.called.add();
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let Self { record, handles } = self;
        record.dropped.add();
        if !std::thread::panicking() {
            assert_eq!(record.memory.live(), 0, "memory goes back first");
            assert_eq!(record.memory.handles(), *handles + 1, "and its handle");
            assert!(record.executor.work() > 0, "work lasts longer");
        }
    }
}
