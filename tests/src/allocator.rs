use std::alloc::Layout;
use std::collections::HashMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use allocator_api2::alloc::{AllocError, Allocator, Global};

use crate::Log;

/// An allocator that writes `A0`, `D0`, `A1`, .. to a log: each block has the
/// number of its allocation.
///
/// It panics when it is given back what it has not handed out, with another
/// layout, or when two calls overlap. Dropped, it checks nothing: see
/// [`assert_balanced`](Self::assert_balanced).
pub struct Recorder {
    state: Arc<State>,
}

struct State {
    name: &'static str,
    log: Log,
    blocks: Mutex<Blocks>,
    busy: AtomicBool,
    handles: AtomicUsize,
}

#[derive(Default)]
struct Blocks {
    live: HashMap<usize, (usize, Layout)>,
    allocations: usize,
    peak: usize,
    fail_at: Option<usize>,
}

impl Recorder {
    /// Makes an allocator that writes to `log`.
    pub fn new(log: &Log) -> Self {
        Self::named("", log)
    }

    /// Makes an allocator that writes `name` before each entry.
    pub fn named(name: &'static str, log: &Log) -> Self {
        Self {
            state: Arc::new(State {
                name,
                log: log.clone(),
                blocks: Mutex::default(),
                busy: AtomicBool::new(false),
                handles: AtomicUsize::new(1),
            }),
        }
    }

    /// Makes allocation number `n`, counted from 0, fail.
    pub fn fail_at(self, n: usize) -> Self {
        self.blocks().fail_at = Some(n);
        self
    }

    /// Returns how many allocations succeeded or failed.
    pub fn allocations(&self) -> usize {
        self.blocks().allocations
    }

    /// Returns how many blocks are out.
    pub fn live(&self) -> usize {
        self.blocks().live.len()
    }

    /// Returns how many blocks were out at once.
    pub fn peak(&self) -> usize {
        self.blocks().peak
    }

    /// Returns the layout of the blocks that are out.
    pub fn live_layouts(&self) -> Vec<Layout> {
        self.blocks().live.values().map(|block| block.1).collect()
    }

    /// Returns how many handles there are, this one included.
    pub fn handles(&self) -> usize {
        self.state.handles.load(Ordering::SeqCst)
    }

    /// Fails unless every block has come back and this is the last handle.
    #[track_caller]
    pub fn assert_balanced(&self) {
        assert_eq!(self.live(), 0, "blocks have not come back");
        assert_eq!(self.handles(), 1, "there are other handles");
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.state
            .blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a call is under way, until the guard is dropped.
    fn enter(&self) -> impl Drop {
        struct Leave<'a>(&'a AtomicBool);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }

        let was_busy = self.state.busy.swap(true, Ordering::SeqCst);
        assert!(!was_busy, "two calls of one allocator overlap");
        Leave(&self.state.busy)
    }
}

impl Clone for Recorder {
    fn clone(&self) -> Self {
        self.state.handles.fetch_add(1, Ordering::SeqCst);
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.state.handles.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("live", &self.live())
            .finish_non_exhaustive()
    }
}

// SAFETY: the memory is that of `Global`, through which it also goes back;
// clones share the state.
unsafe impl Allocator for Recorder {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let _call = self.enter();
        let mut blocks = self.blocks();
        let number = blocks.allocations;
        blocks.allocations += 1;
        if blocks.fail_at == Some(number) {
            return Err(AllocError);
        }
        let memory = Global.allocate(layout)?;
        let address = memory.cast::<u8>().as_ptr().addr();
        let old = blocks.live.insert(address, (number, layout));
        assert_eq!(old, None, "the block was live already");
        blocks.peak = blocks.peak.max(blocks.live.len());
        drop(blocks);
        self.state.log.push(format!("{}A{number}", self.state.name));
        Ok(memory)
    }

    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        let _call = self.enter();
        let found = self.blocks().live.remove(&memory.as_ptr().addr());
        let (number, handed_out) = found.expect("given back what was not handed out");
        assert_eq!(layout, handed_out, "given back with another layout");
        // So that a use after this shows.
        // SAFETY: the block has this many bytes, and is given up.
        unsafe { memory.write_bytes(0xdd, layout.size()) };
        // SAFETY: the block came from `Global` with this layout.
        unsafe { Global.deallocate(memory, layout) };
        self.state.log.push(format!("{}D{number}", self.state.name));
    }
}
