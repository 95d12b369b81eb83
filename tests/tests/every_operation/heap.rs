use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_op::{Associations, CompletionHandler, Handler, IoContext, Signature};
use async_op_tests::heap_allocations_here;
use async_op_tests::net::drive;

use crate::case::{ArgsOf, Case};
use crate::rules::{future, look};

const WARM_UP: usize = 20;
/// Parts of so many rounds are counted each by itself.
const PART: usize = 25;
const PARTS: usize = 4;
const ROUNDS: usize = WARM_UP + PARTS * PART;

/// Counts how often it is called.
struct Called<C>(Arc<AtomicUsize>, PhantomData<fn() -> C>);

impl<C> Associations for Called<C> {}

impl<C: Case> CompletionHandler<C::Signature> for Called<C> {
    fn complete(self, args: ArgsOf<C>) {
        C::result(C::Signature::into_output(args)).unwrap();
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How often the heap has been asked, but for what is left out.
#[derive(Debug, Default)]
struct Heap {
    counts: [usize; PARTS],
    /// None while all is filled that keeps its capacity.
    part: Option<usize>,
    since: usize,
}

impl Heap {
    fn begin(&mut self, round: usize) {
        self.part = round.checked_sub(WARM_UP).map(|counted| counted / PART);
        self.go_on();
    }

    fn go_on(&mut self) {
        self.since = heap_allocations_here();
    }

    fn pause(&mut self) {
        if let Some(part) = self.part {
            self.counts[part] += heap_allocations_here() - self.since;
        }
    }

    /// Does something that does not count.
    fn without<R>(&mut self, body: impl FnOnce() -> R) -> R {
        self.pause();
        let result = body();
        self.go_on();
        result
    }

    fn check<C: Case>(&self) {
        let expected = C::HEAP * PART;
        if cfg!(feature = "tracing") {
            // The list of what is outstanding is all threads': it grows, and a lock of it may
            // be taken, at which `parking_lot` allocates a thread's own, once.
            assert_eq!(self.counts.iter().min(), Some(&expected), "{self:?}");
        } else {
            assert_eq!(self.counts, [expected; PARTS]);
        }
    }
}

pub(crate) fn called_back<C: Case>() {
    let context = IoContext::new().unwrap();
    let (object, mut ready) = C::waiting(&context);
    let (called, mut heap) = (Arc::new(AtomicUsize::new(0)), Heap::default());
    for round in 0..ROUNDS {
        let object = object.clone();
        let handler = Handler(Called::<C>(Arc::clone(&called), PhantomData));
        if !C::REPEATS {
            ready();
        }
        heap.begin(round);
        C::make(object).with(handler);
        if C::REPEATS {
            heap.without(|| look(&context));
            heap.without(&mut ready);
        }
        context.restart();
        context.run();
        heap.pause();
    }
    assert_eq!(called.load(Ordering::Relaxed), ROUNDS);
    heap.check::<C>();
}

pub(crate) fn awaited<C: Case>() {
    let context = IoContext::new().unwrap();
    let (object, mut ready) = C::waiting(&context);
    let heap = drive(&context, async {
        let mut heap = Heap::default();
        for round in 0..ROUNDS {
            let object = object.clone();
            if !C::REPEATS {
                ready();
            }
            let mut is_waiting = C::REPEATS;
            heap.begin(round);
            let mut operation = pin!(future::<C>(object));
            let output = poll_fn(|cx| {
                let polled = operation.as_mut().poll(cx);
                if std::mem::take(&mut is_waiting) {
                    heap.without(&mut ready);
                }
                polled
            });
            C::result(output.await).unwrap();
            heap.pause();
        }
        heap
    });
    heap.check::<C>();
}
