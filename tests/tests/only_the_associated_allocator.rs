//! Guarantee 4: an operation takes memory from its handler's allocator alone.

use std::io;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use async_op::alloc::Recycling;
use async_op::io::{AsyncReadStream, ReadBuffer, async_read_exact};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::token::UsePromise;
use async_op::{
    Executor, IoContext, IoExecutor, IoObject, UseFuture, bind_allocator, cancel_after, is_timeout,
    post_on,
};
use async_op_tests::{
    Alive, CountingHeap, Log, Manual, Probe, Recorder, Slot, both_forms, heap_allocations_here,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

both_forms! {
    fn nothing_comes_from_the_heap<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let slot = Slot::new();
        let (form, again) = (F::default(), F::default());
        let mut heap = 0;
        for form in [form, again] {
            let probe = Probe::new(&log).allocating(&slot);
            let before = heap_allocations_here();
            form.start(&context, probe);
            assert!(slot.in_use());
            form.finish(1);
            heap = heap_allocations_here() - before;
            assert_eq!(context.run(), 1);
            context.restart();
            assert!(!slot.in_use());
        }
        // The second time, for the stub has been made before. It is recycled,
        // but not under a sanitizer.
        if !cfg!(async_op_sanitize) {
            assert_eq!(heap, 0);
        }
        assert_eq!(slot.allocations(), 2);
    }

    #[cfg_attr(feature = "tracing", ignore = "the list of what is outstanding grows")]
    fn nothing_comes_from_the_heap_at_once<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let slot = Slot::new();
        let probe = Probe::new(&log).allocating(&slot);
        let before = heap_allocations_here();
        F::start_now(&context, probe);
        assert_eq!(heap_allocations_here() - before, 0);
        assert_eq!(context.run(), 1);
        assert_eq!(slot.allocations(), 1);
        assert!(!slot.in_use());
    }

    fn each_operation_from_its_own<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (a, b) = (Recorder::named("a", &log), Recorder::named("b", &log));
        let (first, second) = (F::default(), F::default());
        first.start(&context, Probe::new(&log).allocating(&a));
        second.start(&context, Probe::new(&log).allocating(&b));
        second.finish(1);
        first.finish(1);
        assert_eq!(context.run(), 2);
        assert_eq!(log.take(), "aA0 bA0 bD0 call aD0 call");
        a.assert_balanced();
        b.assert_balanced();
    }

    /// An operation started inside another's handler takes from its own
    /// handler's allocator, not from what is about.
    fn an_operation_started_in_a_handler_from_its_own<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (a, b) = (Recorder::named("a", &log), Recorder::named("b", &log));
        let (executor, inner, inner_b) = (context.executor(), log.clone(), b.clone());
        let probe = Probe::calling(&log, move |_: (u32,)| {
            F::start_now(&executor, Probe::new(&inner).allocating(&inner_b));
        });
        F::start_now(&context, probe.allocating(&a));
        assert_eq!(context.run(), 2);
        assert_eq!(log.take(), "aA0 aD0 call bA0 bD0 call");
        a.assert_balanced();
        b.assert_balanced();
    }

    /// A promise keeps the result there, too, until it has been taken.
    fn a_promise_from_its_own<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let mut heap = 0;
        // The second time: the small block by which it is asked has been made before.
        for _ in 0..2 {
            let (form, recorder) = (F::default(), Recorder::new(&log));
            let outer = bind_allocator(recorder.clone(), bind_allocator(Recycling, UsePromise));
            let before = heap_allocations_here();
            let promise = form.operation(&context).with(outer);
            assert_eq!(recorder.live(), 2);
            form.finish(7);
            context.run();
            context.restart();
            assert_eq!(recorder.live(), 1);
            heap = heap_allocations_here() - before;
            assert_eq!(pollster::block_on(promise), 7);
            recorder.assert_balanced();
        }
        // What the recorder itself takes.
        assert!(heap <= 8 || cfg!(async_op_sanitize), "{heap}");
    }

    /// The recorder panics if two of its calls overlap.
    fn calls_for_one_handler_never_overlap<F: Form>() {
        let context = Arc::new(IoContext::new().unwrap());
        for _ in 0..200 {
            let log = Log::new();
            let recorder = Recorder::new(&log);
            let form = F::default();
            let start = Barrier::new(2);
            form.start(&context, Probe::new(&log).allocating(&recorder));
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    form.finish(1);
                });
                start.wait();
                assert_eq!(context.run(), 1);
            });
            assert_eq!(log.take(), "A0 D0 call");
            recorder.assert_balanced();
            context.restart();
        }
    }
}

#[test]
fn a_task_takes_one_block_and_no_more() {
    let log = Log::new();
    let (home, slot) = (Manual::new("home", &log), Slot::new());
    let before = heap_allocations_here();
    let task = Task::new_in(|| (), slot.clone());
    assert_eq!(heap_allocations_here() - before, 0);
    assert_eq!(slot.allocations(), 1);
    home.post(task);
    assert_eq!(home.run(), 1);
    assert!(!slot.in_use());
}

#[test]
fn the_allocator_is_dropped_before_the_function() {
    #[derive(Clone)]
    struct Last(Recorder, #[allow(dead_code, reason = "dropped")] Arc<Alive>);
    // SAFETY: the recorder does all of it.
    unsafe impl async_op::alloc::Allocator for Last {
        fn allocate(
            &self,
            layout: std::alloc::Layout,
        ) -> Result<std::ptr::NonNull<[u8]>, async_op::alloc::AllocError> {
            self.0.allocate(layout)
        }

        unsafe fn deallocate(&self, memory: std::ptr::NonNull<u8>, layout: std::alloc::Layout) {
            // SAFETY: the caller's promise is passed on.
            unsafe { self.0.deallocate(memory, layout) };
        }
    }

    let log = Log::new();
    let allocator = Last(Recorder::new(&log), Arc::new(Alive::new(&log, "allocator")));
    let inner = log.clone();
    Task::new_in(move || inner.push("run"), allocator).run();
    assert_eq!(log.take(), "A0 D0 allocator run");
}

/// Allocators need not be `Sync`, and `Completion::allocator` clones one: it
/// must not be called on two threads at once.
#[test]
fn a_completion_may_be_sent_and_not_shared() {
    trait IsShared<Marker> {
        fn check() {}
    }
    impl<T: Send> IsShared<()> for T {}
    struct Shared;
    impl<T: Sync> IsShared<Shared> for T {}

    // Ambiguous, and an error, if it were `Sync`.
    <async_op::Completion<fn()> as IsShared<_>>::check();
}

/// By way of whatever is around the token.
#[test]
fn a_promise_with_a_limit_on_time() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    let token = cancel_after(Duration::from_millis(1), UsePromise);
    let promise = timer.async_wait(bind_allocator(recorder.clone(), token));
    assert_eq!(recorder.live(), 2);
    assert!(is_timeout(&promise.wait().blocking().unwrap_err()));
    recorder.assert_balanced();
}

/// What a body posts may be queued for longer than the operation is there: it is recycled
/// memory. So an operation on a stream whose steps are posted has one block at a time.
#[test]
fn a_stream_whose_steps_are_posted() {
    #[derive(Clone)]
    struct Posting(IoExecutor);

    impl IoObject for Posting {
        type Executor = IoExecutor;

        fn executor(&self) -> IoExecutor {
            self.0
        }
    }

    impl AsyncReadStream for Posting {
        async fn read_after<B: ReadBuffer>(
            &self,
            buffer: &mut B,
            skip: usize,
        ) -> io::Result<usize> {
            post_on(&self.0, UseFuture).await;
            buffer.after(skip)[0] = 7;
            Ok(1)
        }
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let inner = log.clone();
    let handler = move |result: io::Result<()>, buffer: [u8; 9]| {
        result.unwrap();
        assert_eq!(buffer, [7; 9]);
        inner.push("call");
    };
    let stream = Posting(context.executor());
    async_read_exact(&stream, [0; 9], bind_allocator(recorder.clone(), handler));
    context.run();
    assert_eq!(log.take(), "A0 D0 call");
    assert_eq!(recorder.peak(), 1);
    recorder.assert_balanced();
}
