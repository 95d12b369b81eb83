use std::mem;

use loom::thread;

use super::*;
use crate::shim::Mutex;

#[test]
fn the_end_of_the_value_comes_after_every_use() {
    loom::model(|| {
        // Watched: a use that is not ordered before its drop is reported.
        let shared: Shared<_> = Shared::new(AtomicUsize::new(0), "test");
        let other = shared.clone();
        let thread = thread::spawn(move || {
            other.fetch_add(1, Ordering::Relaxed);
        });
        shared.fetch_add(1, Ordering::Relaxed);
        drop(shared);
        thread.join().unwrap();
    });
}

/// As a timer: what fires it has a handle, in a place of which the timer takes it
/// out when nobody owns it any more.
struct Alarm {
    reactor: std::sync::Arc<Place>,
    /// Watched: what the end does comes after every use.
    uses: AtomicUsize,
    disowned: AtomicUsize,
}

type Place = Mutex<Option<Shared<Alarm>>>;

impl Owned for Alarm {
    fn disowned(&self) {
        assert_eq!(self.disowned.fetch_add(1, Ordering::Relaxed), 0);
        let entry = self.reactor.lock().take();
        drop(entry);
    }
}

fn alarm() -> (std::sync::Arc<Place>, Owner<Alarm>) {
    let reactor = std::sync::Arc::new(Mutex::new(None));
    let alarm = Alarm {
        reactor: std::sync::Arc::clone(&reactor),
        uses: AtomicUsize::new(0),
        disowned: AtomicUsize::new(0),
    };
    let owner = Owner::new(alarm, "test");
    *reactor.lock() = Some(Owner::share(&owner));
    (reactor, owner)
}

/// The memory goes, too: loom would report the watched counts otherwise.
fn nothing_is_left(reactor: &Place) {
    assert!(reactor.lock().is_none());
}

#[test]
fn loom_owners_that_go_at_once() {
    loom::model(|| {
        let (reactor, owner) = alarm();
        let other = owner.clone();
        let thread = thread::spawn(move || {
            other.uses.fetch_add(1, Ordering::Relaxed);
            drop(other);
        });
        owner.uses.fetch_add(1, Ordering::Relaxed);
        drop(owner);
        thread.join().unwrap();
        nothing_is_left(&reactor);
    });
}

#[test]
fn loom_owners_that_go_while_an_alarm_is_put_off() {
    loom::model(|| {
        let (reactor, owner) = alarm();
        let other = owner.clone();
        let thread = thread::spawn(move || drop(other));
        let fires = std::sync::Arc::clone(&reactor);
        let runner = thread::spawn(move || {
            let mut place = fires.lock();
            // Two handles for a while, as in `TimerState::fire`.
            let due = mem::take(&mut *place);
            if let Some(alarm) = &due {
                if alarm.disowned.load(Ordering::Relaxed) == 0 {
                    *place = Some(alarm.clone());
                }
            }
            drop(place);
            drop(due);
        });
        drop(owner);
        thread.join().unwrap();
        runner.join().unwrap();
        nothing_is_left(&reactor);
    });
}
