//! What a sample measures about itself: time, CPU time, memory, how often its
//! threads went to sleep, latencies.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One sample of one contender.
pub(crate) struct Run {
    rounds: u64,
    warm_up: u64,
    figures: Vec<(&'static str, f64)>,
}

impl Run {
    /// Without `clocks` nothing but the work is done, to be counted from outside.
    pub(crate) fn new(rounds: u64, warm_up: u64, clocks: bool) -> Self {
        CLOCKS.store(clocks, Ordering::Relaxed);
        Self {
            rounds,
            warm_up,
            figures: Vec::new(),
        }
    }

    /// Does `work` for some rounds to warm up, and then for those that count.
    pub(crate) fn measure(&mut self, mut work: impl FnMut(u64)) {
        work(self.warm_up);
        self.measure_cold(work);
    }

    /// Does `work` for the rounds that count, and nothing before.
    pub(crate) fn measure_cold(&mut self, mut work: impl FnMut(u64)) {
        LAPS.lock().unwrap().taken.clear();
        let (wall, cpu, allocations) = (Instant::now(), cpu_time(), allocations());
        let switches = switches();
        work(self.rounds);
        let per_round = |n: u128| n as f64 / self.rounds as f64;
        self.figures.extend([
            ("wall ns", per_round(wall.elapsed().as_nanos())),
            ("CPU ns", per_round((cpu_time() - cpu).as_nanos())),
            ("switches", per_round(switches_since(switches).into())),
            (
                "allocations",
                per_round((allocations_since(allocations)).into()),
            ),
        ]);
        let laps = std::mem::take(&mut LAPS.lock().unwrap().taken);
        if !laps.is_empty() {
            self.figures.extend(latencies(laps));
        }
    }

    pub(crate) fn figure(&mut self, metric: &'static str, value: f64) {
        self.figures.push((metric, value));
    }

    pub(crate) fn print(&self) {
        for (metric, value) in &self.figures {
            println!("{metric},{value:.4}");
        }
    }
}

pub(crate) const LATENCIES: [&str; 4] = ["mean us", "p50 us", "p99 us", "p99.9 us"];

/// These of latencies in nanoseconds.
pub(crate) fn latencies(mut laps: Vec<u64>) -> impl Iterator<Item = (&'static str, f64)> {
    laps.sort_unstable();
    let mean = laps.iter().sum::<u64>() as f64 / laps.len() as f64;
    let at = |share| laps[((laps.len() - 1) as f64 * share) as usize] as f64;
    let values = [mean, at(0.5), at(0.99), at(0.999)].map(|nanoseconds| nanoseconds / 1000.0);
    LATENCIES.into_iter().zip(values)
}

/// CPU time of all threads of this process, in the kernel too.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes a `timespec`.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How often a thread of this process has gone to sleep.
fn switches() -> u64 {
    // SAFETY: zeroes are an `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes an `rusage`.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    usage.ru_nvcsw as u64
}

fn switches_since(before: u64) -> u64 {
    switches() - before
}

/// The most bytes of memory that this process has had so far.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    1024 * kilobytes.map_or(0, |n| n.parse::<u64>().unwrap())
}

/// As many descriptors as are permitted.
pub(crate) fn raise_limit_of_descriptors() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes an `rlimit`.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: reads an `rlimit`.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
}

static CLOCKS: AtomicBool = AtomicBool::new(true);

static LAPS: Mutex<Laps> = Mutex::new(Laps {
    taken: Vec::new(),
    last: None,
});

struct Laps {
    taken: Vec<u64>,
    last: Option<Instant>,
}

/// The clock starts, of rounds one after the other.
pub(crate) fn start_laps() {
    if CLOCKS.load(Ordering::Relaxed) {
        LAPS.lock().unwrap().last = Some(Instant::now());
    }
}

/// A round has ended, and the next begins.
pub(crate) fn lap() {
    if CLOCKS.load(Ordering::Relaxed) {
        let mut laps = LAPS.lock().unwrap();
        let now = Instant::now();
        if let Some(last) = laps.last.replace(now) {
            laps.taken.push((now - last).as_nanos() as u64);
        }
    }
}

/// Something that was due at `due` has happened.
pub(crate) fn late(due: Instant) {
    if CLOCKS.load(Ordering::Relaxed) {
        let late = due.elapsed().as_nanos() as u64;
        LAPS.lock().unwrap().taken.push(late);
    }
}

struct Counting;

#[global_allocator]
static GLOBAL: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

fn allocations_since(before: u64) -> u64 {
    allocations() - before
}

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
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
