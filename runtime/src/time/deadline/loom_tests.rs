//! Models of limits on time, apart from the timers: what the operation is asked, by
//! others or by the clock, reaches it, and once.

use std::sync::Arc;
use std::task::Wake;
use std::time::Duration;

use loom::thread;

use super::*;
use crate::task::testing::Count;

const KIND: CancellationType = CancellationType::TERMINAL;

/// The waker of an operation: counts how often that is asked.
#[derive(Default)]
struct Asked(Count);

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// An operation with a limit, that others can ask to stop as well.
struct Limited {
    signal: Arc<CancellationSignal>,
    deadline: Deadline,
    clock: Option<Clock>,
    asked: Arc<Asked>,
}

impl Limited {
    fn new() -> Self {
        let signal = CancellationSignal::new();
        let (deadline, clock) = Deadline::new(KIND, signal.slot());
        Self {
            signal: Arc::new(signal),
            deadline,
            clock: Some(clock),
            asked: Arc::default(),
        }
    }

    /// Starts the operation, and then the clock, as initiating functions do. Returns
    /// what the timers would wake when the time has run out.
    fn start(&mut self, expiry: Instant) -> (CancellationState, Waker) {
        let operation = CancellationState::begin(self.deadline.slot(), CancellationType::ALL);
        operation.set_waker(&Waker::from(Arc::clone(&self.asked)));
        let mut timer = None;
        let clock = self.clock.take().expect("it starts once");
        clock.start_with(expiry, |waker| {
            timer = Some(waker);
            None
        });
        (operation, timer.expect("the clock runs"))
    }

    fn asked(&self) -> usize {
        self.asked.0.get()
    }

    /// A thread on which the operation is asked to stop; it returns whether that
    /// had begun.
    fn ask(&self) -> thread::JoinHandle<bool> {
        let signal = Arc::clone(&self.signal);
        thread::spawn(move || signal.request(KIND))
    }
}

/// A time that does not come, and one that is over.
fn times() -> (Instant, Instant) {
    let now = Instant::now();
    (now + Duration::from_secs(3600), now)
}

#[test]
fn loom_a_request_against_the_start() {
    loom::model(|| {
        let mut limited = Limited::new();
        let asks = limited.ask();
        let (operation, _timer) = limited.start(times().0);
        let has_begun = asks.join().unwrap();
        // Before it has a waker it will be polled anyway.
        assert!(limited.asked() <= usize::from(has_begun));
        let asked = if has_begun {
            KIND
        } else {
            CancellationType::default()
        };
        assert_eq!(operation.requested(), asked);
        assert!(!limited.deadline.end());
    });
}

#[test]
fn loom_a_request_against_the_clock() {
    loom::model(|| {
        let mut limited = Limited::new();
        let (operation, timer) = limited.start(times().1);
        let asks = limited.ask();
        timer.wake();
        asks.join().unwrap();
        assert_eq!(limited.asked(), 1);
        assert_eq!(operation.requested(), KIND);
        limited.deadline.end();
    });
}

#[test]
fn loom_the_clock_against_the_end() {
    loom::model(|| {
        let mut limited = Limited::new();
        let (operation, timer) = limited.start(times().1);
        let expires = thread::spawn(move || timer.wake());
        let has_expired = limited.deadline.end();
        let _foreign = operation.end();
        expires.join().unwrap();
        // In time, or asked, though perhaps too late; and once it is over by nobody.
        assert!(limited.asked() <= usize::from(has_expired));
        limited.signal.emit(KIND);
        assert!(limited.asked() <= usize::from(has_expired));
    });
}
