//! Each way in which a leaf may end: its handler is called or dropped, once, after all
//! memory has gone back, and work lasts as long as it should.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use std::task::Waker;

use super::*;
use crate::context::Finder;
use crate::task::initiating::OperationId;
use crate::task::parked::LeafQueue;
use crate::task::testing::{Count, CountDrop, Record, TestExecutor, site};

/// What the attempts of an operation do, one after another.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Succeed,
    Part,
    Wait,
    Panic,
}

/// Where the operation waits.
#[derive(Clone, Default)]
struct Spot(Arc<Mutex<Option<Parked>>>);

impl Spot {
    fn take(&self) -> Parked {
        self.0.lock().unwrap().take().expect("a leaf waits")
    }
}

impl Place for Spot {
    unsafe fn park(self, leaf: Parked) -> Parking {
        *self.0.lock().unwrap() = Some(leaf);
        Parking::Parked
    }

    unsafe fn park_to_be_found(self, _leaf: Parked) -> (Parking, Option<Finder>) {
        unreachable!("nobody can ask it to stop")
    }
}

struct Steps {
    /// The next one at the end.
    steps: Vec<Step>,
    spot: Spot,
    finish_panics: bool,
    _dropped: CountDrop,
}

impl Attempt for Steps {
    type Value = ();
    type Output = io::Result<()>;
    type Place = Spot;
    type Awaited = std::future::Ready<io::Result<()>>;

    fn into_awaited(self) -> Self::Awaited {
        unreachable!("it is started with a handler")
    }

    fn from_awaited(_: Self::Awaited) -> Self {
        unreachable!("it is started with a handler")
    }

    fn attempt(&mut self) -> Poll<io::Result<Option<()>>> {
        match self.steps.pop().expect("as many steps as attempts") {
            Step::Succeed => Poll::Ready(Ok(Some(()))),
            Step::Part => Poll::Ready(Ok(None)),
            Step::Wait => Poll::Pending,
            Step::Panic => panic!("on purpose"),
        }
    }

    fn place(&self) -> Spot {
        self.spot.clone()
    }

    fn finish(self, result: io::Result<()>) -> io::Result<()> {
        assert!(!self.finish_panics, "on purpose");
        result
    }

    fn ended(how: Ended) -> io::Result<()> {
        how.result()
    }
}

/// An operation that has been started with the handler of a record.
struct Started {
    record: Record,
    io: TestExecutor,
    spot: Spot,
    dropped: Count,
}

impl Started {
    /// On the executor of the handler, or on another.
    fn new(steps: &[Step], on_other: bool, finish_panics: bool) -> Self {
        let record = Record::new();
        let this = Self {
            io: match on_other {
                true => TestExecutor::new(),
                false => record.executor.clone(),
            },
            record,
            spot: Spot::default(),
            dropped: Count::default(),
        };
        let steps = Steps {
            steps: steps.iter().rev().copied().collect(),
            spot: this.spot.clone(),
            finish_panics,
            _dropped: CountDrop(this.dropped.clone()),
        };
        let handler = this.record.handler();
        let io = this.io.clone();
        start::<fn(io::Result<()>), _, _, _, _>(site(), io.clone(), &io, steps, handler);
        this
    }

    fn assert_over(&self, calls: usize) {
        self.record.assert_over(calls);
        assert_eq!(self.dropped.get(), 1, "drops of the attempt");
        assert_eq!(self.io.work(), 0, "work on the I/O executor");
        assert!(self.spot.0.lock().unwrap().is_none());
    }
}

fn panics(body: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
}

#[test]
fn at_once() {
    let started = Started::new(&[Step::Succeed], false, false);
    assert_eq!(started.record.called.get(), 0);
    assert_eq!(started.record.executor.run(), 1);
    started.assert_over(1);
}

#[test]
fn later_on_one_executor() {
    let started = Started::new(&[Step::Wait, Step::Wait, Step::Succeed], false, false);
    for _ in 0..2 {
        assert_eq!(started.record.executor.run(), 0);
        started.spot.take().go_on();
        // The handler is called by the attempt that succeeds.
        assert_eq!(started.record.executor.run(), 1);
    }
    started.assert_over(1);
}

#[test]
fn others_have_their_turn_between_many_parts() {
    let mut steps = vec![Step::Part; 2 * PARTS as usize];
    steps.push(Step::Succeed);
    let started = Started::new(&steps, false, false);
    assert_eq!(started.record.called.get(), 0);
    // Twice it has posted itself, and ends the second time.
    assert_eq!(started.record.executor.run(), 2);
    started.assert_over(1);
}

#[test]
fn later_on_another_executor() {
    let started = Started::new(&[Step::Wait, Step::Succeed], true, false);
    assert_eq!((started.io.work(), started.record.executor.work()), (1, 1));
    started.spot.take().go_on();
    assert_eq!((started.io.run(), started.record.called.get()), (1, 0));
    // The I/O object's work is over; the handler is still to be called.
    assert_eq!((started.io.work(), started.record.executor.work()), (0, 1));
    assert_eq!(started.record.executor.run(), 1);
    started.assert_over(1);
}

#[test]
fn ended_without_an_attempt() {
    for on_other in [false, true] {
        for how in [Ended::Cancelled, Ended::ContextGone] {
            let started = Started::new(&[Step::Wait], on_other, false);
            started.spot.take().end(how);
            assert_eq!(started.io.work(), usize::from(!on_other) as isize);
            assert_eq!(started.record.executor.run(), 1);
            started.assert_over(1);
        }
    }
}

#[test]
fn as_a_waker() {
    for how in [Ended::Expired, Ended::Cancelled, Ended::ContextGone] {
        let started = Started::new(&[Step::Wait], true, false);
        let waker = started.spot.take().into_waker();
        assert_eq!(Parked::operation_of(&waker), Some(OperationId::default()));
        assert!(Parked::note(&waker, how));
        waker.wake();
        assert_eq!(started.io.run(), 0);
        assert_eq!(started.record.executor.run(), 1);
        started.assert_over(1);
    }
    let started = Started::new(&[Step::Wait, Step::Succeed], false, false);
    let waker = started.spot.take().into_waker();
    let leaf = Parked::from_waker(waker).expect("it is a leaf");
    leaf.go_on();
    assert_eq!(started.record.executor.run(), 1);
    started.assert_over(1);
    assert!(!Parked::note(Waker::noop(), Ended::Expired));
    assert!(Parked::from_waker(Waker::noop().clone()).is_none());
}

#[test]
fn dropped_while_it_waits() {
    for on_other in [false, true] {
        // By itself, as a waker, and as a task for the next attempt.
        let drops: [fn(&Started); 3] = [
            |started| drop(started.spot.take()),
            |started| drop(started.spot.take().into_waker()),
            |started| {
                started.spot.take().go_on();
                started.io.clear();
            },
        ];
        for drop in drops {
            let started = Started::new(&[Step::Wait], on_other, false);
            drop(&started);
            // A handler elsewhere is told.
            let told = usize::from(on_other);
            assert_eq!(started.record.executor.run(), told);
            started.assert_over(told);
        }
        // As one that calls the handler.
        let started = Started::new(&[Step::Succeed], on_other, false);
        started.record.executor.clear();
        started.assert_over(0);
    }
}

#[test]
fn an_attempt_panics() {
    let started = Started::new(&[Step::Wait, Step::Panic], false, false);
    started.spot.take().go_on();
    panics(|| {
        started.record.executor.run();
    });
    started.assert_over(0);
}

#[test]
fn the_output_cannot_be_made() {
    for how in [None, Some(Ended::Cancelled)] {
        let started = Started::new(&[Step::Wait, Step::Succeed], false, true);
        let leaf = started.spot.take();
        panics(|| match how {
            None => {
                leaf.go_on();
                started.record.executor.run();
            }
            Some(how) => leaf.end(how),
        });
        started.assert_over(0);
    }
}

#[test]
fn a_queue_of_leaves() {
    let started: Vec<_> = (0..3)
        .map(|_| Started::new(&[Step::Wait, Step::Succeed], false, false))
        .collect();
    let mut queue = LeafQueue::default();
    for operation in &started {
        queue.push(operation.spot.take());
    }
    // They have no numbers: the first of them is taken for it.
    let leaf = queue
        .remove(OperationId::default())
        .expect("there are some");
    leaf.end(Ended::Cancelled);
    assert_eq!(started[0].record.executor.run(), 1);
    assert!(queue.remove(OperationId::new()).is_none());
    queue.pop().expect("the second").go_on();
    assert_eq!(started[1].record.executor.run(), 1);
    drop(queue);
    for (operation, calls) in started.iter().zip([1, 1, 0]) {
        operation.assert_over(calls);
    }
}
