//! Models of a blocked thread and who wakes it: of the flag that it polls, not
//! of the parking, which is the standard library's.

use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::Unblock;

/// What `Blocking` does between two waits. A wake since the end of the last one
/// is seen by the poll after the reset, or ends the next wait; so are two.
#[test]
fn loom_wakes_against_reset() {
    loom::model(|| {
        let unblock = Unblock::new();
        let ready = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let threads = ready.clone().map(|ready| {
            let waker = unblock.waker();
            thread::spawn(move || {
                // Relaxed: the wake publishes it.
                ready.store(true, Ordering::Relaxed);
                waker.wake();
            })
        });
        unblock.reset();
        let all_ready = ready.iter().all(|ready| ready.load(Ordering::Relaxed));
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(all_ready || unblock.is_set(), "a wake is lost");
    });
}

/// Either the waker that comes late is woken, or its owner sees the wait over.
#[test]
fn loom_wake_against_also_wake() {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    loom::model(|| {
        let unblock = Unblock::new();
        let also = Arc::new(Flag(AtomicBool::new(false)));
        let waker = unblock.waker();
        let thread = thread::spawn(move || waker.wake());
        unblock.also_wake(Some(Waker::from(Arc::clone(&also))));
        let is_set = unblock.is_set();
        thread.join().unwrap();
        assert!(is_set || also.0.load(Ordering::Relaxed));
    });
}
