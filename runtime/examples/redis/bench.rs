//! Many connections, one thread, callbacks alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_op::IoContext;

use crate::client::{Address, Client, Config, Error, Result};

pub(crate) const KEY: &str = "key";
pub(crate) const VALUE: &[u8] = b"value";

/// What so many requests have taken.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) time: Duration,
    pub(crate) allocations: u64,
}

impl Figures {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn allocations_each(&self) -> f64 {
        self.allocations as f64 / self.requests as f64
    }
}

/// Runs `work`, which makes so many requests, with an eye on clock and heap.
pub(crate) fn measure(requests: u64, work: impl FnOnce() -> Result<()>) -> Result<Figures> {
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let start = Instant::now();
    work()?;
    Ok(Figures {
        requests,
        time: start.elapsed(),
        allocations: ALLOCATIONS.load(Ordering::Relaxed) - allocations,
    })
}

/// `GET`, again and again, on `connections` with `depth` requests under way on
/// each.
pub(crate) struct Callbacks {
    context: IoContext,
    clients: Vec<Client>,
    depth: usize,
}

impl Callbacks {
    pub(crate) fn new(address: &Address, connections: usize, depth: usize) -> Result<Self> {
        let context = IoContext::new()?;
        let clients = (0..connections)
            .map(|_| Client::new(&context, Config::new(address.clone())))
            .collect();
        let this = Self {
            context,
            clients,
            depth,
        };
        for client in &this.clients {
            client.set(KEY, VALUE).blocking()?;
        }
        Ok(this)
    }

    pub(crate) fn get(&self, requests: u64) -> Result<()> {
        let work = self.start(requests);
        self.context.run();
        Work::end(work)
    }

    /// The same; says ten times a second how many have been sent.
    fn get_and_say(&self, requests: u64, say: impl Fn(u64)) -> Result<()> {
        let work = self.start(requests);
        while !self.context.stopped() {
            self.context.run_for(Duration::from_millis(100));
            let left = work.left.load(Ordering::Relaxed).max(0);
            if work.failure.get().is_none() {
                say(requests - left as u64);
            }
        }
        Work::end(work)
    }

    fn start(&self, requests: u64) -> Arc<Work> {
        let work = Arc::new(Work {
            left: AtomicI64::new(requests as i64),
            failure: OnceLock::new(),
        });
        for client in &self.clients {
            for _ in 0..self.depth {
                next(client.clone(), work.clone());
            }
        }
        self.context.restart();
        work
    }
}

struct Work {
    left: AtomicI64,
    /// The first: no more is sent then.
    failure: OnceLock<Error>,
}

impl Work {
    /// Returns what has become of it, once nothing is under way.
    fn end(this: Arc<Self>) -> Result<()> {
        match Arc::into_inner(this).and_then(|work| work.failure.into_inner()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn next(client: Client, work: Arc<Work>) {
    if work.left.fetch_sub(1, Ordering::Relaxed) > 0 {
        client.get(KEY).callback(move |value| match value {
            Ok(value) => {
                assert_eq!(value.as_deref(), Some(VALUE));
                next(client, work);
            }
            Err(error) => {
                work.left.store(0, Ordering::Relaxed);
                let _ = work.failure.set(error);
            }
        });
    }
}

pub(crate) fn run(
    address: &Address,
    connections: usize,
    depth: usize,
    requests: u64,
) -> Result<()> {
    if connections == 0 || depth == 0 || requests == 0 {
        let text = "each of the numbers has to be 1 at least";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
    }
    let callbacks = Callbacks::new(address, connections, depth)?;
    callbacks.get(requests / 20)?;
    let figures = measure(requests, || {
        callbacks.get_and_say(requests, |done| progress(done, requests))
    })?;
    eprintln!();
    println!(
        "{requests} GET on {connections} connections from one thread, {depth} under way on each: \
         {:.0} per second, {:.3} allocations each, of which 1 is the reply",
        figures.per_second(),
        figures.allocations_each()
    );
    Ok(())
}

/// Draws a bar over the last one.
fn progress(done: u64, all: u64) {
    const WIDTH: u64 = 40;
    let filled = WIDTH * done / all.max(1);
    let bar = (0..WIDTH).map(|n| if n < filled { '#' } else { '.' });
    eprint!("\r[{}] {done} of {all}", bar.collect::<String>());
}

/// Counts what the whole program takes from the heap, on every thread.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static GLOBAL: Counting = Counting;

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}
