//! Models of limits on time, apart from the timers: what the operation is asked, by
//! others or by the clock, reaches it, and once.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use super::*;
use crate::cancel::Function;
use crate::task::testing::{Count, bounded};

const KIND: CancellationType = CancellationType::TERMINAL;

/// An operation with a limit, that others can ask to stop as well.
struct Limited {
    signal: Arc<CancellationSignal>,
    deadline: Deadline,
    clock: Option<Clock>,
    /// How often the operation has been asked.
    asked: Count,
}

impl Limited {
    fn new() -> Self {
        let signal = CancellationSignal::new();
        let (deadline, clock) = Deadline::new(KIND, signal.slot());
        Self {
            signal: Arc::new(signal),
            deadline,
            clock: Some(clock),
            asked: Count::default(),
        }
    }

    /// Starts the operation, and then the clock, as initiating functions do. Returns
    /// what the timers would wake when the time has run out.
    fn start(&mut self, expiry: Instant) -> (CancellationState, Waker) {
        let operation = CancellationState::begin(self.deadline.slot(), CancellationType::ALL);
        let asked = self.asked.clone();
        operation.set_function(Function::new(move |_| asked.add()));
        let (mut posted, mut timer) = (None, None);
        let clock = self.clock.take().expect("it starts once");
        let post = |waker| posted = Some(waker);
        clock.start_with(expiry, post, |waker| {
            timer = Some(waker);
            None
        });
        if let Some(waker) = posted {
            waker.wake();
        }
        (operation, timer.expect("the clock runs"))
    }

    /// A thread on which the operation is asked to stop.
    fn ask(&self) -> thread::JoinHandle<()> {
        let signal = Arc::clone(&self.signal);
        thread::spawn(move || signal.emit(KIND))
    }
}

/// A time that does not come, and one that is over.
fn times() -> (Instant, Instant) {
    let now = Instant::now();
    (now + Duration::from_secs(3600), now)
}

#[test]
fn loom_a_request_against_the_start() {
    bounded(4).check(|| {
        let mut limited = Limited::new();
        let asks = limited.ask();
        let (operation, _timer) = limited.start(times().0);
        asks.join().unwrap();
        assert_eq!(limited.asked.get(), 1);
        assert_eq!(operation.requested(), KIND);
        assert!(!limited.deadline.end());
    });
}

#[test]
fn loom_a_request_against_the_clock() {
    bounded(4).check(|| {
        let mut limited = Limited::new();
        let (operation, timer) = limited.start(times().1);
        let asks = limited.ask();
        timer.wake();
        asks.join().unwrap();
        assert_eq!(limited.asked.get(), 1);
        assert_eq!(operation.requested(), KIND);
        limited.deadline.end();
    });
}

#[test]
fn loom_the_clock_against_the_end() {
    bounded(4).check(|| {
        let mut limited = Limited::new();
        let (operation, timer) = limited.start(times().1);
        let expires = thread::spawn(move || timer.wake());
        let has_expired = limited.deadline.end();
        let _foreign = operation.end();
        expires.join().unwrap();
        // In time, or asked, though perhaps too late; and once it is over by nobody.
        assert!(limited.asked.get() <= usize::from(has_expired));
        limited.signal.emit(KIND);
        assert!(limited.asked.get() <= usize::from(has_expired));
    });
}
