use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

struct Counts(Arc<[AtomicUsize; 2]>);

impl WakeShared for Counts {
    fn wake(&self) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_last_handle_or_waker_drops_the_value() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let seen = || counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    let shared: Shared<_> = Shared::new(Counts(Arc::clone(&counts)), "test");
    let waker = shared.waker();
    let other = waker.clone();
    assert!(waker.will_wake(&other));
    drop(shared);
    waker.wake();
    other.wake_by_ref();
    assert_eq!(seen(), [2, 0]);
    drop(other);
    assert_eq!(seen(), [2, 1]);
}

#[test]
fn the_only_handle_becomes_the_value() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let dropped = || counts[1].load(Ordering::Relaxed);
    let shared: Shared<_> = Shared::new(Counts(Arc::clone(&counts)), "test");
    let other = shared.clone();
    let Err(shared) = Shared::try_unwrap(shared) else {
        panic!("there is another handle");
    };
    drop(other);
    let Ok(value) = Shared::try_unwrap(shared) else {
        panic!("there is no other handle");
    };
    assert_eq!(dropped(), 0);
    drop(value);
    assert_eq!(dropped(), 1);
}

#[test]
fn on_several_threads() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let shared: Shared<_, CacheLine> = Shared::new(Counts(Arc::clone(&counts)), "test");
    thread::scope(|scope| {
        for _ in 0..4 {
            let shared = shared.clone();
            scope.spawn(move || {
                for _ in 0..100 {
                    shared.clone().waker().wake();
                }
            });
        }
        drop(shared);
    });
    let seen = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(seen, [400, 1]);
}

/// Counts how often it is disowned, and dropped.
impl Owned for Counts {
    fn disowned(&self) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_last_owner_disowns_whoever_else_has_it() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let seen = || counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    let owner = Owner::new(Counts(Arc::clone(&counts)), "test");
    let handles = [(); 3].map(|()| Owner::share(&owner));
    let other = owner.clone();
    drop(owner);
    assert_eq!(seen(), [0, 0]);
    drop(other);
    assert_eq!(seen(), [1, 0]);
    drop(handles);
    assert_eq!(seen(), [1, 1]);
    // Without others.
    drop(Owner::new(Counts(Arc::clone(&counts)), "test"));
    assert_eq!(seen(), [2, 2]);
}

#[test]
fn of_a_pointer_to_the_value() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let shared: Shared<_, CacheLine> = Shared::new(Counts(Arc::clone(&counts)), "test");
    let pointer = Shared::into_pointer(shared.clone());
    // SAFETY: of the line above.
    let other = unsafe { Shared::<_, CacheLine>::from_pointer(pointer) };
    assert!(std::ptr::eq(&*shared, &*other));
    drop(shared);
    assert_eq!(counts[1].load(Ordering::Relaxed), 0);
    drop(other);
    assert_eq!(counts[1].load(Ordering::Relaxed), 1);
}
