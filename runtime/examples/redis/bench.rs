//! Many connections, one thread, callbacks alone.
#![cfg_attr(
    not(unix),
    allow(dead_code, reason = "what compares clients is of Unix")
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_op::IoContext;

use crate::bar::Bar;
use crate::client::{Client, Config, Error, Result};
use crate::{Failure, LIMIT, usage};

pub(crate) const KEY: &str = "async-op:example:key";
pub(crate) const VALUE: &[u8] = b"value";

/// What so many requests have taken.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) time: Duration,
    /// Of all processors, for this program.
    pub(crate) processor: Duration,
    /// How often a thread of it went to sleep.
    pub(crate) switches: u64,
    pub(crate) allocations: u64,
}

impl Figures {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }

    /// In microseconds.
    pub(crate) fn processor_each(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests as f64
    }

    pub(crate) fn switches_each(&self) -> f64 {
        self.switches as f64 / self.requests as f64
    }

    pub(crate) fn allocations_each(&self) -> f64 {
        self.allocations as f64 / self.requests as f64
    }
}

/// Runs `work`, which makes so many requests, with an eye on clock and heap.
pub(crate) fn measure(requests: u64, work: impl FnOnce() -> Result<()>) -> Result<Figures> {
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let usage = usage::of_this_program();
    let start = Instant::now();
    work()?;
    let time = start.elapsed();
    let (processor, switches) = usage::of_this_program();
    Ok(Figures {
        requests,
        time,
        processor: processor - usage.0,
        switches: switches - usage.1,
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
    pub(crate) fn new(config: &Config, connections: usize, depth: usize) -> Result<Self> {
        let context = IoContext::new()?;
        let clients = (0..connections)
            .map(|_| Client::new(&context, config.clone()))
            .collect();
        let this = Self {
            context,
            clients,
            depth,
        };
        let mut clients = this.clients.iter();
        let set = clients.try_for_each(|it| it.set(KEY, VALUE).cancel_after(LIMIT).blocking());
        if let (Err(error), Some(client)) = (set, this.clients.first()) {
            remove(client, KEY);
            return Err(error);
        }
        Ok(this)
    }

    pub(crate) fn get(&self, requests: u64) -> Result<()> {
        let work = self.start(requests);
        self.context.run();
        Work::end(work)
    }

    /// The same; shows how far it is, and ends when nothing is answered any more.
    fn get_and_show(&self, requests: u64, show: impl Fn(u64)) -> Result<()> {
        let work = self.start(requests);
        let mut last = (0, Instant::now());
        while !self.context.stopped() {
            self.context.run_for(Duration::from_millis(100));
            // Each request is taken from what is left by the answer to one before, but for
            // the first ones.
            let first = (self.clients.len() * self.depth) as i64;
            let done = requests as i64 - first - work.left.load(Ordering::Relaxed);
            let done = done.max(0) as u64;
            if work.failure.get().is_none() {
                show(done);
            }
            if last.0 != done {
                last = (done, Instant::now());
            } else if last.1.elapsed() > LIMIT {
                work.fail(Error::Io(ErrorKind::TimedOut.into()));
                self.clients.iter().for_each(Client::close);
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

/// Removes what has been needed, if the server still listens: who asks may have failed.
pub(crate) fn remove(client: &Client, key: &str) {
    let limit = Duration::from_secs(1);
    let _ = client.del(&[key]).cancel_after(limit).blocking();
}

struct Work {
    /// Below zero once nothing is left: everybody who looks takes one.
    left: AtomicI64,
    /// The first: no more is sent then.
    failure: OnceLock<Error>,
}

impl Work {
    fn fail(&self, error: Error) {
        self.left.store(0, Ordering::Relaxed);
        let _ = self.failure.set(error);
    }

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
            Ok(value) if value.as_deref() == Some(VALUE) => next(client, work),
            Ok(_) => work.fail(Error::Unexpected("the value that was set")),
            Err(error) => work.fail(error),
        });
    }
}

pub(crate) fn run(
    config: &Config,
    connections: u32,
    depth: u32,
    requests: u32,
) -> std::result::Result<String, Failure> {
    if u64::from(connections) * u64::from(depth) > 1_000_000 {
        let text = "more than a million requests under way";
        return Err(Failure::Usage(text.to_owned()));
    }
    let requests = u64::from(requests);
    let callbacks = Callbacks::new(config, connections as usize, depth as usize)?;
    let warm_up = callbacks.get_and_show(requests / 20, |_| {});
    let figures = warm_up.and_then(|()| {
        let bar = Bar::new(requests);
        measure(requests, || {
            callbacks.get_and_show(requests, |done| bar.draw(done))
        })
    });
    if let Some(client) = callbacks.clients.first() {
        remove(client, KEY);
    }
    let figures = figures?;
    Ok(format!(
        "{requests} GET on {connections} connections from one thread, {depth} under way on each: \
         {:.0} per second, {:.3} allocations each, of which 1 is the reply",
        figures.per_second(),
        figures.allocations_each()
    ))
}

/// Counts what the whole program takes from the heap, on every thread. A block that
/// grows counts once more.
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

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}
