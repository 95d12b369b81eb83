//! Guarantees 3 and 4 for results, futures, functions and allocators that are
//! larger, or more aligned, than usual, or have no size.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use async_op::alloc::{AllocError, Allocator, OperationAllocator};
use async_op::task::{FrameBox, Task, run_in};
use async_op::{
    Associations, Completion, CompletionHandler, Executor, Handler, IoContext, IoExecutor,
    Signature, UseFuture, async_op, bind_allocator, spawn, this_op,
};
use async_op_tests::{Log, Recorder};

/// Knows when it is not where it should be.
#[derive(Clone)]
#[repr(align(4096))]
struct Aligned<T>(T);

impl<T> Aligned<T> {
    fn check(&self) {
        let address = std::hint::black_box(std::ptr::from_ref(self)).addr();
        assert!(address.is_multiple_of(align_of::<Self>()));
    }
}

/// An allocator that is itself aligned.
#[derive(Clone)]
struct AlignedRecorder(Aligned<Arc<Recorder>>);

// SAFETY: the recorder does all of it.
unsafe impl Allocator for AlignedRecorder {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.check();
        let block = self.0.0.allocate(layout)?;
        let address = block.cast::<u8>().addr().get();
        assert!(address.is_multiple_of(layout.align()));
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.0.check();
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.0.deallocate(block, layout) };
    }
}

struct Checks(AlignedRecorder, Aligned<Arc<Mutex<usize>>>);

impl Associations for Checks {
    fn allocator(&self) -> impl OperationAllocator {
        self.0.clone()
    }
}

impl<S: Signature<Args = (Aligned<usize>,)>> CompletionHandler<S> for Checks {
    fn complete(self, (result,): (Aligned<usize>,)) {
        self.0.0.check();
        self.1.check();
        result.check();
        *self.1.0.lock().unwrap() += result.0;
    }
}

type Place = Arc<Mutex<Option<Completion<fn(Aligned<usize>)>>>>;

#[async_op]
fn async_held(_context: &IoExecutor, place: Place, op: Completion<fn(Aligned<usize>)>) {
    *place.lock().unwrap() = Some(op);
}

#[async_op]
async fn async_nested(context: &IoExecutor, place: Place) -> Aligned<usize> {
    let large = [1_u8; 1 << 16];
    let more = Aligned(1);
    let result = FrameBox::new(async {
        let inner = Aligned(2);
        let result = async_held(context, place, UseFuture).await;
        inner.check();
        Aligned(result.0 + inner.0)
    })
    .await;
    result.check();
    more.check();
    let any = this_op::allocator().clone();
    let in_any = allocator_api2::boxed::Box::new_in(Aligned(0), any);
    in_any.check();
    Aligned(result.0 + more.0 + large.iter().map(|n| usize::from(*n)).sum::<usize>())
}

#[test]
fn whatever_its_size_and_alignment() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Arc::new(Recorder::new(&log));
    let allocator = AlignedRecorder(Aligned(Arc::clone(&recorder)));
    let sum = Aligned(Arc::default());
    let place = Place::default();
    let complete = || {
        let op = place.lock().unwrap().take().unwrap();
        op.complete(Aligned(4));
    };
    let handler = || Handler(Checks(allocator.clone(), sum.clone()));

    async_held(&context, place.clone(), handler());
    complete();
    assert_eq!(context.run(), 1);
    assert_eq!((*sum.0.lock().unwrap(), recorder.live()), (4, 0));

    context.restart();
    async_nested(&context, place.clone(), handler());
    complete();
    context.run();
    assert_eq!(
        (*sum.0.lock().unwrap(), recorder.live()),
        (4 + 7 + (1 << 16), 0)
    );

    context.restart();
    let hosted = async_nested(&context, place.clone(), UseFuture);
    spawn(&context, run_in(allocator.clone(), hosted), handler());
    assert_eq!(context.poll(), 1);
    complete();
    context.run();
    assert_eq!(
        (*sum.0.lock().unwrap(), recorder.live()),
        (4 + 2 * (7 + (1 << 16)), 0)
    );

    context.restart();
    let (inner, of_task) = (sum.clone(), Aligned(1));
    let function = move || {
        of_task.check();
        *inner.0.lock().unwrap() = of_task.0;
    };
    context.post(Task::new_in(function, allocator.clone()));
    assert_eq!(context.run(), 1);
    assert_eq!((*sum.0.lock().unwrap(), recorder.live()), (1, 0));
    drop(allocator);
    assert_eq!(recorder.handles(), 1);
}

/// Neither handler nor result nor future nor allocator has a size.
#[test]
fn without_a_size() {
    #[derive(Clone, Copy)]
    struct Nothing;

    // SAFETY: that of the default allocator.
    unsafe impl Allocator for Nothing {
        fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
            async_op::alloc::Recycling.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise is passed on.
            unsafe { async_op::alloc::Recycling.deallocate(block, layout) };
        }
    }

    let context = IoContext::new().unwrap();
    context.post(Task::new_in(|| (), Nothing));
    let future = async { FrameBox::new(async {}).await };
    spawn(&context, future, bind_allocator(Nothing, |()| ()));
    let any = bind_allocator(async_op::alloc::AnyAllocator::new(Nothing), |()| ());
    spawn(&context, run_in(Nothing, async {}), any);
    assert_eq!(context.run(), 3);
}
