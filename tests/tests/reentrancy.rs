//! Foreign code that comes back: wakers that poll, allocators that start
//! operations, executors that run or drop at once what they were asked to queue.

use std::alloc::Layout;
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use async_op::adapter::bind_immediate_executor;
use async_op::alloc::{AllocError, Allocator};
use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::Strand;
use async_op::task::Task;
use async_op::{
    Executor, Handler, IoContext, IoExecutor, UseFuture, bind_allocator, bind_cancellation_slot,
    bind_executor, post_on, spawn,
};
use async_op_tests::{Log, Probe, Recorder, both_forms};

type Hosted = Pin<Box<dyn Future<Output = u32> + Send>>;

/// A task whose waker polls it there and then.
#[derive(Default)]
struct PollsInWake {
    future: Mutex<Option<Hosted>>,
    output: Mutex<Option<u32>>,
}

impl PollsInWake {
    fn poll(self: &Arc<Self>) {
        let Some(mut future) = self.future.lock().unwrap().take() else {
            return; // being polled
        };
        let waker = Waker::from(Arc::clone(self));
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => *self.output.lock().unwrap() = Some(output),
            Poll::Pending => *self.future.lock().unwrap() = Some(future),
        }
    }
}

impl Wake for PollsInWake {
    fn wake(self: Arc<Self>) {
        self.poll();
    }
}

both_forms! {
    fn a_waker_that_polls<F: Form>() {
        let (context, form) = (IoContext::new().unwrap(), F::default());
        let task = Arc::<PollsInWake>::default();
        *task.future.lock().unwrap() = Some(Box::pin(form.future(&context)));
        task.poll();
        form.finish(3);
        context.run();
        assert_eq!(*task.output.lock().unwrap(), Some(3));
        assert_eq!(Arc::strong_count(&task), 1);
    }

    fn a_waker_that_polls_when_it_is_cancelled<F: Form>() {
        let (context, form) = (IoContext::new().unwrap(), F::default());
        let (task, signal) = (Arc::<PollsInWake>::default(), CancellationSignal::new());
        let inner = form.future(&context);
        let started = spawn(&context, inner, bind_cancellation_slot(signal.slot(), UseFuture));
        *task.future.lock().unwrap() = Some(Box::pin(started));
        task.poll();
        signal.emit(CancellationType::ALL);
        context.poll();
        form.finish(4);
        context.restart();
        context.run();
        assert_eq!(*task.output.lock().unwrap(), Some(4));
        // Polled with its own waker, which the signal may keep.
        drop(signal);
        drop(task.future.lock().unwrap().take());
    }

    fn an_allocator_that_starts_operations<F: Form>() {
        let (log, context, form) = (Log::new(), IoContext::new().unwrap(), F::default());
        let allocator = Starts::new(&context, &log);
        form.start(&context, bind_allocator(allocator.clone(), Probe::new(&log)));
        form.finish(1);
        context.run();
        assert!(allocator.ran.load(Ordering::SeqCst) > 0);
        assert_eq!(allocator.inner.live(), 0);
        assert_eq!(Arc::strong_count(&allocator.inner), 1);
    }

    fn an_executor_that_runs_what_is_posted<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let signal = CancellationSignal::new();
        let handler = || {
            let probe = bind_cancellation_slot(signal.slot(), Probe::new(&log));
            bind_immediate_executor(AtOnce, bind_executor(AtOnce, probe))
        };
        F::start_now(&context, handler());
        assert_eq!(log.take(), "call");
        let form = F::default();
        form.start(&context, handler());
        signal.emit(CancellationType::ALL);
        form.finish(1);
        assert_eq!(log.take(), "call");
        let on_strand = bind_executor(Strand::new(AtOnce), Probe::new(&log));
        let form = F::default();
        form.start(&context, on_strand);
        form.finish(1);
        assert_eq!(log.take(), "call");
        assert_eq!(context.run(), 0);
    }

    fn an_executor_that_drops_what_is_posted<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let signal = CancellationSignal::new();
        let handler = || {
            let probe = bind_cancellation_slot(signal.slot(), Probe::new(&log));
            bind_executor(Strand::new(Never), probe)
        };
        F::start_now(&context, handler());
        assert_eq!(log.take(), "drop");
        let form = F::default();
        form.start(&context, handler());
        signal.emit(CancellationType::ALL);
        form.finish(1);
        assert_eq!(log.take(), "drop");
        assert_eq!(context.run(), 0);
    }
}

/// Posts something at each call, with itself for an allocator the first time.
#[derive(Clone)]
struct Starts {
    inner: Arc<Recorder>,
    executor: IoExecutor,
    ran: Arc<AtomicUsize>,
    is_inside: Arc<Mutex<bool>>,
}

impl Starts {
    fn new(context: &IoContext, log: &Log) -> Self {
        Self {
            inner: Arc::new(Recorder::new(log)),
            executor: context.executor(),
            ran: Arc::default(),
            is_inside: Arc::default(),
        }
    }

    fn start(&self) {
        if std::mem::replace(&mut *self.is_inside.lock().unwrap(), true) {
            return;
        }
        let ran = Arc::clone(&self.ran);
        let count = move || {
            ran.fetch_add(1, Ordering::SeqCst);
        };
        post_on(
            &self.executor,
            Handler(bind_allocator(self.clone(), Counts(count))),
        );
        *self.is_inside.lock().unwrap() = false;
    }
}

struct Counts<F>(F);

impl<F> async_op::Associations for Counts<F> {}

impl<F: FnOnce() + Send + 'static> async_op::CompletionHandler<fn()> for Counts<F> {
    fn complete(self, (): ()) {
        (self.0)();
    }
}

// SAFETY: the recorder does all of it.
unsafe impl Allocator for Starts {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.start();
        self.inner.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.inner.deallocate(block, layout) };
        // Not for ever.
        if self.ran.load(Ordering::SeqCst) < 3 {
            self.start();
        }
    }
}

/// Runs what is posted inside the call, which it should not.
#[derive(Clone, PartialEq)]
struct AtOnce;

impl Executor for AtOnce {
    fn post(&self, task: Task) {
        task.run();
    }
}

/// Drops what is posted.
#[derive(Clone, PartialEq)]
struct Never;

impl Executor for Never {
    fn post(&self, task: Task) {
        drop(task);
    }
}
