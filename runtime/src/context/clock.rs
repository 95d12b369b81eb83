//! What time it is for the operations of a context: that of the system, but where a test
//! has a clock of its own.

use std::time::Instant;
#[cfg(feature = "test")]
use std::time::SystemTime;

#[cfg(feature = "test")]
pub(crate) use self::simulated::{Clock, Simulation, are_any};
#[cfg(not(feature = "test"))]
pub(crate) use self::system::Clock;

#[cfg(not(feature = "test"))]
mod system {
    use super::Instant;

    pub(crate) struct Clock;

    impl Clock {
        pub(crate) fn of_system() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn now(&self) -> Instant {
            Instant::now()
        }
    }
}

#[cfg(feature = "test")]
mod simulated {
    use std::ops::RangeInclusive;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::{Instant, SystemTime};
    use crate::shim::plain::{Mutex, MutexGuard};

    /// How many simulations there are: where there are none, nobody need look for one.
    static SIMULATIONS: AtomicUsize = AtomicUsize::new(0);

    /// Whether any context has a clock of its own.
    #[inline]
    pub(crate) fn are_any() -> bool {
        SIMULATIONS.load(Ordering::Relaxed) > 0
    }

    pub(crate) struct Clock {
        pub(crate) simulation: Option<Arc<Simulation>>,
    }

    impl Clock {
        pub(crate) fn of_system() -> Self {
            Self { simulation: None }
        }

        #[inline]
        pub(crate) fn now(&self) -> Instant {
            match &self.simulation {
                None => Instant::now(),
                Some(simulation) => simulation.now(),
            }
        }

        #[inline]
        pub(crate) fn wall(&self) -> SystemTime {
            match &self.simulation {
                None => SystemTime::now(),
                Some(simulation) => simulation.wall(),
            }
        }
    }

    /// More tasks than run in a test before time passes, and more often than it passes.
    const MOST_TASKS: usize = 1_000_000;
    const MOST_PASSES: usize = 1_000_000;
    const PATIENCE: Duration = Duration::from_secs(10);

    /// What is not left to the system in a context of a test: its clocks, and what its seed
    /// decides.
    pub(crate) struct Simulation {
        state: Mutex<State>,
    }

    struct State {
        now: Instant,
        wall: SystemTime,
        /// Of a generator of random numbers (xorshift64*).
        random: u64,
        /// Whether any of the tasks that are ready may be the next.
        shuffles: bool,
        /// How many tasks have run since time has passed, and how often it has.
        tasks: usize,
        passes: usize,
        /// How long to wait for the system and for other threads, of the system's own time:
        /// only a test that fails does.
        patience: Duration,
        /// Why this has no end.
        flaw: Option<&'static str>,
    }

    impl Simulation {
        /// Makes one whose clocks stand still where those of the system are.
        pub(crate) fn new() -> Self {
            SIMULATIONS.fetch_add(1, Ordering::Relaxed);
            Self {
                state: Mutex::new(State {
                    now: Instant::now(),
                    wall: SystemTime::now(),
                    random: scattered(0),
                    shuffles: false,
                    tasks: 0,
                    passes: 0,
                    patience: PATIENCE,
                    flaw: None,
                }),
            }
        }

        /// Has `seed` decide from now on, also which task is the next.
        pub(crate) fn shuffle(&self, seed: u64) {
            let mut state = self.lock();
            state.random = scattered(seed);
            state.shuffles = true;
        }

        pub(crate) fn now(&self) -> Instant {
            self.lock().now
        }

        pub(crate) fn wall(&self) -> SystemTime {
            self.lock().wall
        }

        pub(crate) fn patience(&self) -> Duration {
            self.lock().patience
        }

        pub(crate) fn set_patience(&self, patience: Duration) {
            self.lock().patience = patience;
        }

        pub(crate) fn set_wall(&self, wall: SystemTime) {
            self.lock().wall = wall;
        }

        /// Lets time pass until `instant`, if that is to come.
        pub(crate) fn pass_until(&self, instant: Instant) {
            let mut state = self.lock();
            let passed = instant.saturating_duration_since(state.now);
            state.now += passed;
            state.wall += passed;
            state.tasks = 0;
            state.passes += 1;
            if state.passes > MOST_PASSES {
                state.passes = 0;
                state.flaw = Some("time has passed a million times: this has no end");
            }
        }

        /// Counts a task that is about to run.
        pub(crate) fn count_task(&self) {
            let mut state = self.lock();
            state.tasks += 1;
            if state.tasks > MOST_TASKS {
                state.tasks = 0;
                state.flaw =
                    Some("a million tasks have run, and no time has passed: this has no end");
            }
        }

        /// Notes that nothing can run, and that no time is waited for.
        pub(crate) fn note_hang(&self) {
            self.lock().flaw = Some(
                "nothing can run, no time is waited for, and nothing comes from elsewhere: to \
                 block on this would take for ever",
            );
        }

        /// To be called where a panic leaves nothing behind.
        ///
        /// # Panics
        ///
        /// If this has no end, as far as one can tell.
        pub(crate) fn assert_goes_on(&self) {
            let flaw = self.lock().flaw.take();
            if let Some(flaw) = flaw {
                panic!("{flaw}");
            }
        }

        /// Returns a number below `limit`.
        pub(crate) fn below(&self, limit: usize) -> usize {
            self.lock().below(limit)
        }

        /// Returns a time of this range.
        pub(crate) fn within(&self, range: &RangeInclusive<Duration>) -> Duration {
            let length = range.end().saturating_sub(*range.start());
            // In 1000 steps: enough for an order of any kind.
            *range.start() + length.mul_f64(self.below(1001) as f64 / 1000.0)
        }

        /// Returns which of `ready` tasks is the next.
        pub(crate) fn choose(&self, ready: usize) -> usize {
            let mut state = self.lock();
            match state.shuffles && ready > 1 {
                true => state.below(ready),
                false => 0,
            }
        }

        fn lock(&self) -> MutexGuard<'_, State> {
            self.state.lock()
        }
    }

    impl State {
        fn below(&mut self, limit: usize) -> usize {
            self.random ^= self.random >> 12;
            self.random ^= self.random << 25;
            self.random ^= self.random >> 27;
            let number = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
            number as usize % limit.max(1)
        }
    }

    impl Drop for Simulation {
        fn drop(&mut self) {
            SIMULATIONS.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Makes seeds that follow each other differ in all bits (splitmix64); never 0.
    fn scattered(seed: u64) -> u64 {
        let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (seed ^ (seed >> 31)) | 1
    }

    #[cfg(test)]
    mod tests {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        use super::*;

        fn goes_on(simulation: &Simulation) -> bool {
            catch_unwind(AssertUnwindSafe(|| simulation.assert_goes_on())).is_ok()
        }

        #[test]
        fn tasks_without_end_are_noticed_where_no_time_passes() {
            let simulation = Simulation::new();
            for _ in 0..2 {
                (0..MOST_TASKS).for_each(|_| simulation.count_task());
                assert!(goes_on(&simulation));
                simulation.pass_until(simulation.now());
            }
            (0..=MOST_TASKS).for_each(|_| simulation.count_task());
            assert!(!goes_on(&simulation));
            assert!(goes_on(&simulation));
        }

        #[test]
        fn so_is_time_that_passes_without_end() {
            let simulation = Simulation::new();
            let pass = || simulation.pass_until(simulation.now() + Duration::from_secs(1));
            (0..MOST_PASSES).for_each(|_| pass());
            assert!(goes_on(&simulation));
            pass();
            assert!(!goes_on(&simulation));
        }
    }
}
