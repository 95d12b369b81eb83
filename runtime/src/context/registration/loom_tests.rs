use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use std::num::NonZeroU32;

use super::*;
use crate::adapter::bind::bind_cancellation_slot;
use crate::cancel::{CancellationSignal, CancellationSlot, CancellationType, cancelled};
use crate::context::AtSource;
use crate::shim::{AtomicBool, AtomicUsize, Ordering, thread};
use crate::task::leaf::{self, Attempt};
use crate::task::testing::{Count, Record, TestExecutor, bounded, site};

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
                for event in 0..events {
                    data.fetch_add(1, Ordering::AcqRel);
                    tell(&registration, Direction::Read, 1 + event);
                }
            })
        };
        let mut taken = 0;
        let mut key = None;
        let mut look = |flag: &Arc<Flag>, taken: &mut usize| {
            let waker = Waker::from(Arc::clone(flag));
            let cx = Context::from_waker(&waker);
            let polled = poll(&registration, Direction::Read, &mut key, &cx, || match data
                .swap(0, Ordering::AcqRel)
            {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                n => Ok((Some(n), Progress::Drained)),
            });
            if let Poll::Ready(n) = polled {
                *taken += n.unwrap();
                return true;
            }
            false
        };
        let flag = Arc::new(Flag::default());
        // As long as there is something, without waiting.
        while look(&flag, &mut taken) {}
        system.join().unwrap();
        while taken < events {
            // What came after the last look has been told.
            assert!(flag.is_set());
            assert!(look(&flag, &mut taken));
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

/// Reports an event, and has who waited go on.
fn tell(registration: &Registration, direction: Direction, number: usize) {
    let mut brought = Brought::default();
    registration.becomes_ready(direction, number, false, &mut brought);
    let Brought {
        mut wake,
        mut leaves,
    } = brought;
    while let Some(leaf) = leaves.pop() {
        leaf.post();
    }
    wake.wake_all();
}

/// Attempts as one who is awaited.
fn poll<T>(
    registration: &Registration,
    direction: Direction,
    key: &mut Option<WaiterKey>,
    cx: &Context<'_>,
    mut attempt: impl FnMut() -> io::Result<(Option<T>, Progress)>,
) -> Poll<io::Result<T>> {
    loop {
        match registration.attempt(direction, || Ok(()), &mut attempt) {
            Ok(result) => return Poll::Ready(result.map(|value| value.expect("it has no parts"))),
            Err(_) if registration.parks(direction, key, cx)? => return Poll::Pending,
            Err(_) => {}
        }
    }
}

/// Writes if there is room; asks the system to tell of it if not, as a source does.
fn write(
    registration: &Registration,
    buffer: &Mutex<Buffer>,
    key: &mut Option<WaiterKey>,
    flag: &Arc<Flag>,
) -> bool {
    let waker = Waker::from(Arc::clone(flag));
    let cx = Context::from_waker(&waker);
    loop {
        let attempt = || match buffer.lock().has_room {
            true => Ok((Some(()), Progress::More)),
            false => Err(io::ErrorKind::WouldBlock.into()),
        };
        match registration.attempt(Direction::Write, || Ok(()), attempt) {
            Ok(_) => return true,
            Err(seen) if seen.is_unwatched() => {
                let mut buffer = buffer.lock();
                buffer.is_watched = true;
                let has_room = buffer.has_room;
                drop(buffer);
                if has_room {
                    tell(registration, Direction::Write, 1);
                }
                registration.watched();
            }
            Err(_) => {
                if registration.parks(Direction::Write, key, &cx).unwrap() {
                    return false;
                }
            }
        }
    }
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
                    tell(&registration, Direction::Write, 2);
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
                let mut brought = Brought::default();
                registration.shut_down(&mut brought);
                brought.end(Ended::ContextGone);
            })
        };
        let (flag, mut key) = (Arc::new(Flag::default()), None);
        let waker = Waker::from(Arc::clone(&flag));
        let cx = Context::from_waker(&waker);
        let polled = poll::<()>(&registration, Direction::Write, &mut key, &cx, || {
            unreachable!("nothing is ready")
        });
        context.join().unwrap();
        assert!(matches!(polled, Poll::Ready(Err(_))) || flag.is_set());
    });
}

/// An operation that takes what has come to a source, of which it keeps a handle.
struct Take {
    registration: SharedRegistration,
    data: Arc<AtomicUsize>,
    era: Arc<std::sync::atomic::AtomicU32>,
    own_era: Option<NonZeroU32>,
    seen: Seen,
    /// How it has ended.
    outcome: Arc<Outcomes>,
}

#[derive(Default)]
struct Outcomes {
    taken: Count,
    failed: Count,
}

impl Attempt for Take {
    type Value = usize;
    type Output = ();
    type Place = AtSource;
    type Awaited = std::future::Ready<()>;

    fn into_awaited(self) -> Self::Awaited {
        unreachable!("it is started with a handler")
    }

    fn from_awaited(_: Self::Awaited) -> Self {
        unreachable!("it is started with a handler")
    }

    fn attempt(&mut self) -> Poll<io::Result<Option<usize>>> {
        let Self { era, own_era, .. } = self;
        let check = || {
            let now = NonZeroU32::MIN | era.load(std::sync::atomic::Ordering::SeqCst);
            match *own_era.get_or_insert(now) == now {
                true => Ok(()),
                false => Err(cancelled()),
            }
        };
        let attempted = self.registration.attempt(Direction::Read, check, || {
            match self.data.swap(0, Ordering::AcqRel) {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                n => Ok((Some(n), Progress::Drained)),
            }
        });
        match attempted {
            Ok(result) => Poll::Ready(result),
            Err(seen) => {
                self.seen = seen;
                Poll::Pending
            }
        }
    }

    fn place(&self) -> AtSource {
        let Self { registration, .. } = self;
        AtSource::new(
            registration,
            Direction::Read,
            self.seen,
            &self.era,
            self.own_era,
        )
    }

    fn finish(self, result: io::Result<usize>) {
        match result {
            Ok(_) => self.outcome.taken.add(),
            Err(_) => self.outcome.failed.add(),
        }
    }

    fn ended(how: Ended) -> io::Result<usize> {
        how.result()
            .map(|()| unreachable!("there is no time to wait for"))
    }
}

/// A source, and the operations that are started on it.
#[derive(Clone)]
struct Source {
    registration: SharedRegistration,
    data: Arc<AtomicUsize>,
    era: Arc<std::sync::atomic::AtomicU32>,
    outcome: Arc<Outcomes>,
    io: TestExecutor,
}

impl Source {
    fn new() -> Self {
        Self {
            registration: Shared::new(Registration::default(), "model"),
            data: Arc::new(AtomicUsize::new(0)),
            era: Arc::default(),
            outcome: Arc::default(),
            io: TestExecutor::new(),
        }
    }

    fn take(&self) -> Take {
        Take {
            registration: self.registration.clone(),
            data: Arc::clone(&self.data),
            era: Arc::clone(&self.era),
            own_era: None,
            seen: Seen::NOTHING,
            outcome: Arc::clone(&self.outcome),
        }
    }

    /// Starts an operation with the handler of `record`.
    fn start(&self, record: &Record, slot: CancellationSlot) {
        let handler = bind_cancellation_slot(slot, record.handler());
        leaf::start::<fn(()), _, _, _, _>(site(), self.io.clone(), &self.io, self.take(), handler);
    }

    fn come(&self, event: usize) {
        self.data.fetch_add(1, Ordering::AcqRel);
        tell(&self.registration, Direction::Read, event);
    }

    fn cancel_all(&self) {
        self.era.fetch_add(2, std::sync::atomic::Ordering::SeqCst);
        self.registration.cancel_all();
    }

    fn shut_down(&self) {
        let mut brought = Brought::default();
        self.registration.shut_down(&mut brought);
        brought.end(Ended::ContextGone);
    }

    /// Runs all that has been posted; returns how many have taken something, and how many
    /// have failed.
    fn finish(&self, records: &[Record]) -> (usize, usize) {
        while self.io.run()
            + records
                .iter()
                .map(|record| record.executor.run())
                .sum::<usize>()
            > 0
        {}
        (self.outcome.taken.get(), self.outcome.failed.get())
    }
}

/// An operation is started while `other` happens on another thread, and whatever that
/// leaves undone, `at_last` ends.
fn start_against(other: fn(&Source), at_last: fn(&Source)) {
    bounded(4).check(move || {
        let (source, record) = (Source::new(), Record::new());
        let thread = {
            let source = source.clone();
            thread::spawn(move || other(&source))
        };
        source.start(&record, CancellationSlot::unconnected());
        source.io.run();
        thread.join().unwrap();
        if source.finish(std::slice::from_ref(&record)) == (0, 0) {
            at_last(&source);
        }
        let (taken, failed) = source.finish(std::slice::from_ref(&record));
        assert_eq!(taken + failed, 1);
        record.assert_over(1);
    });
}

#[test]
fn leaf_started_against_an_event() {
    // Nothing comes after it.
    start_against(|source| source.come(1), |_| {});
}

#[test]
fn leaf_started_against_what_no_event_tells() {
    let come = |source: &Source| {
        source.data.fetch_add(1, Ordering::AcqRel);
        source.registration.look_again();
    };
    start_against(come, |_| {});
}

#[test]
fn leaf_started_against_the_cancellation_of_all() {
    // What was cancelled before it began does not count.
    start_against(Source::cancel_all, Source::cancel_all);
}

#[test]
fn leaf_started_against_the_end_of_the_context() {
    start_against(Source::shut_down, |_| {});
}

/// Two operations wait, which have been started one after the other, while two things
/// happen.
fn two_against(one: fn(&Source, &CancellationSignal), other: fn(&Source), ended: usize) {
    bounded(3).check(move || {
        let (source, records) = (Source::new(), [Record::new(), Record::new()]);
        let signal = CancellationSignal::new();
        source.start(&records[0], CancellationSlot::unconnected());
        let thread = {
            let source = source.clone();
            thread::spawn(move || other(&source))
        };
        // Behind the first, or in its place.
        source.start(&records[1], signal.slot());
        one(&source, &signal);
        thread.join().unwrap();
        let (taken, failed) = source.finish(&records);
        assert!(taken + failed >= ended);
        source.shut_down();
        let (taken, failed) = source.finish(&records);
        assert_eq!(taken + failed, 2);
        for record in &records {
            record.assert_over(1);
        }
    });
}

#[test]
fn leaf_behind_another_is_cancelled_against_an_event() {
    two_against(
        |_, signal| signal.emit(CancellationType::TERMINAL),
        |source| source.come(1),
        1,
    );
}

#[test]
fn leaves_are_cancelled_against_the_cancellation_of_all() {
    two_against(
        |_, signal| signal.emit(CancellationType::TERMINAL),
        Source::cancel_all,
        2,
    );
}

#[test]
fn leaves_and_two_events() {
    two_against(|source, _| source.come(1), |source| source.come(2), 1);
}

#[test]
fn leaf_is_cancelled_against_the_end_of_the_context() {
    two_against(
        |_, signal| signal.emit(CancellationType::TERMINAL),
        Source::shut_down,
        2,
    );
}

/// The operation has the last handle, and takes all of the source with it, on another
/// thread than the one that has parked it.
#[test]
fn leaf_with_the_last_handle() {
    loom::model(|| {
        let (source, record) = (Source::new(), Record::new());
        let thread = {
            let (source, record) = (source.clone(), record.clone());
            thread::spawn(move || {
                source.come(1);
                let Source {
                    registration, io, ..
                } = source;
                drop(registration);
                io.run();
                record.executor.run();
            })
        };
        source.start(&record, CancellationSlot::unconnected());
        let Source {
            registration,
            io,
            outcome,
            ..
        } = source;
        drop(registration);
        thread.join().unwrap();
        while io.run() + record.executor.run() > 0 {}
        assert_eq!(outcome.taken.get(), 1);
        record.assert_over(1);
    });
}

/// An operation waits a second time, on another thread, after an event that has brought
/// nothing, while it is asked to stop, and while the first thread may not have said yet
/// where it is to be found.
#[test]
fn leaf_waits_again_against_its_cancellation() {
    bounded(3).check(|| {
        let (source, record) = (Source::new(), Record::new());
        let signal = Arc::new(CancellationSignal::new());
        let slot = signal.slot();
        let event = {
            let source = source.clone();
            thread::spawn(move || {
                tell(&source.registration, Direction::Read, 1);
                source.io.run();
            })
        };
        let request = {
            let signal = Arc::clone(&signal);
            thread::spawn(move || signal.request(CancellationType::TERMINAL))
        };
        source.start(&record, slot);
        event.join().unwrap();
        let is_asked = request.join().unwrap();
        let over = source.finish(std::slice::from_ref(&record));
        assert_eq!(over, (0, usize::from(is_asked)));
        source.shut_down();
        let over = source.finish(std::slice::from_ref(&record));
        assert_eq!(over, (0, 1));
        record.assert_over(1);
    });
}

/// Two wait; the first is cancelled and a third comes, while an event tells of something
/// for one of them.
#[test]
fn leaf_comes_when_the_first_has_gone() {
    bounded(3).check(|| {
        let source = Source::new();
        let records = [Record::new(), Record::new(), Record::new()];
        let signal = CancellationSignal::new();
        source.start(&records[0], signal.slot());
        source.start(&records[1], CancellationSlot::unconnected());
        let event = {
            let source = source.clone();
            thread::spawn(move || source.come(1))
        };
        signal.emit(CancellationType::TERMINAL);
        source.start(&records[2], CancellationSlot::unconnected());
        event.join().unwrap();
        let (taken, failed) = source.finish(&records);
        assert_eq!((taken, failed), (1, 1));
        source.shut_down();
        assert_eq!(source.finish(&records), (1, 2));
        for record in &records {
            record.assert_over(1);
        }
    });
}
