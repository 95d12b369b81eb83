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

        pub(crate) fn set_wall(&self, wall: SystemTime) {
            self.lock().wall = wall;
        }

        /// Lets time pass until `instant`, if that is to come.
        pub(crate) fn pass_until(&self, instant: Instant) {
            let mut state = self.lock();
            let passed = instant.saturating_duration_since(state.now);
            state.now += passed;
            state.wall += passed;
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
}
