use std::sync::Arc;
use std::task::{Wake, Waker};

use super::*;
use crate::shim::{AtomicBool, AtomicUsize, thread};
use crate::task::testing::bounded;

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Flag {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A source whose data comes with an event, while an operation looks for it.
fn event_against_poll(registration: fn() -> Registration, events: usize) {
    loom::model(move || {
        let registration = Arc::new(registration());
        // How much has come. Each event may tell of more.
        let data = Arc::new(AtomicUsize::new(0));
        let system = {
            let (registration, data) = (Arc::clone(&registration), Arc::clone(&data));
            thread::spawn(move || {
                for _ in 0..events {
                    data.fetch_add(1, Ordering::AcqRel);
                    let mut wake = WakeList::default();
                    let mut waiting = registration.lock();
                    registration.becomes_ready(Direction::Read, false, &mut waiting, &mut wake);
                    drop(waiting);
                    wake.wake_all();
                }
            })
        };
        let mut taken = 0;
        let mut key = None;
        let mut poll = |flag: &Arc<Flag>, taken: &mut usize| {
            let waker = Waker::from(Arc::clone(flag));
            let polled = registration.poll_io(
                Direction::Read,
                &mut key,
                &mut Context::from_waker(&waker),
                || match data.swap(0, Ordering::AcqRel) {
                    0 => Err(io::ErrorKind::WouldBlock.into()),
                    n => Ok((n, Progress::Drained)),
                },
            );
            if let Poll::Ready(n) = polled {
                *taken += n.unwrap();
                return true;
            }
            false
        };
        let flag = Arc::new(Flag::default());
        // As long as there is something, without waiting.
        while poll(&flag, &mut taken) {}
        system.join().unwrap();
        while taken < events {
            // What came after the last look has been told.
            assert!(flag.is_set());
            assert!(poll(&flag, &mut taken));
        }
    });
}

#[test]
fn an_event_wakes_who_waits() {
    event_against_poll(Registration::default, 1);
}

#[test]
fn an_event_is_not_cleared_by_an_earlier_attempt() {
    event_against_poll(Registration::untried, 1);
}

#[test]
fn nor_is_the_next_one() {
    event_against_poll(Registration::untried, 2);
}

/// What the system knows of a socket whose buffer is full.
#[derive(Default)]
struct Buffer {
    has_room: bool,
    is_watched: bool,
}

/// Reports that there is room.
fn tell(registration: &Registration) {
    let mut wake = WakeList::default();
    let mut waiting = registration.lock();
    registration.becomes_ready(Direction::Write, false, &mut waiting, &mut wake);
    drop(waiting);
    wake.wake_all();
}

/// Writes if there is room; asks the system to tell of it if not, as a source does.
fn write(
    registration: &Registration,
    buffer: &Mutex<Buffer>,
    key: &mut Option<WaiterKey>,
    flag: &Arc<Flag>,
) -> bool {
    let waker = Waker::from(Arc::clone(flag));
    let cx = &mut Context::from_waker(&waker);
    let polled = registration.poll_io(Direction::Write, key, cx, || match buffer.lock().has_room {
        true => Ok(((), Progress::More)),
        false => Err(io::ErrorKind::WouldBlock.into()),
    });
    if polled.is_pending() && registration.is_unwatched() {
        let mut buffer = buffer.lock();
        buffer.is_watched = true;
        let has_room = buffer.has_room;
        drop(buffer);
        if has_room {
            tell(registration);
        }
        registration.watched();
    }
    polled.is_ready()
}

/// Room that comes while the system has not been asked to tell of it, or just is: two
/// writes wait for it, which ask both, or one of them.
#[test]
fn room_is_told_though_nobody_has_watched_for_it() {
    bounded(2).check(|| {
        let registration = Arc::new(Registration::unwatched());
        let buffer = Arc::new(Mutex::new(Buffer::default()));
        let flags: [Arc<Flag>; 2] = Default::default();
        let other = {
            let (registration, buffer) = (Arc::clone(&registration), Arc::clone(&buffer));
            let flag = Arc::clone(&flags[1]);
            thread::spawn(move || {
                let mut key = None;
                (write(&registration, &buffer, &mut key, &flag), key)
            })
        };
        let system = {
            let (registration, buffer) = (Arc::clone(&registration), Arc::clone(&buffer));
            thread::spawn(move || {
                let mut buffer = buffer.lock();
                buffer.has_room = true;
                let is_watched = buffer.is_watched;
                drop(buffer);
                if is_watched {
                    tell(&registration);
                }
            })
        };
        let mut key = None;
        let is_done = write(&registration, &buffer, &mut key, &flags[0]);
        let (is_other_done, mut other_key) = other.join().unwrap();
        system.join().unwrap();
        for (is_done, key, flag) in [
            (is_done, &mut key, &flags[0]),
            (is_other_done, &mut other_key, &flags[1]),
        ] {
            if !is_done {
                assert!(flag.is_set());
                assert!(write(&registration, &buffer, key, flag));
            }
        }
    });
}

#[test]
fn the_end_of_the_context_wakes_who_waits() {
    loom::model(|| {
        let registration = Arc::new(Registration::default());
        let context = {
            let registration = Arc::clone(&registration);
            thread::spawn(move || {
                let mut wake = WakeList::default();
                registration.shut_down(&mut wake);
                wake.wake_all();
            })
        };
        let (flag, mut key) = (Arc::new(Flag::default()), None);
        let waker = Waker::from(Arc::clone(&flag));
        let polled = registration.poll_io::<()>(
            Direction::Write,
            &mut key,
            &mut Context::from_waker(&waker),
            || unreachable!("nothing is ready"),
        );
        context.join().unwrap();
        assert!(matches!(polled, Poll::Ready(Err(_))) || flag.is_set());
    });
}
