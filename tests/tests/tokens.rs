//! Promises, channels, functions of C and handlers of several signatures as
//! tokens.

use std::ffi::{c_int, c_void};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_op::adapter::{OneOf2, append};
use async_op::group::{parallel_group, wait_for_all};
use async_op::sync::Channel;
use async_op::time::Timer;
use async_op::token::{CCallback, CFunction, IntoC, Promise, UsePromise, c_callback, each};
use async_op::{
    Associations, Blocking, Completion, CompletionHandler, Executor, IoContext, IoExecutor,
    UseFuture, async_op, bind_allocator, bind_executor, cancel_after, is_cancelled, is_timeout,
    post_on,
};
use async_op_tests::{
    AsyncForm, CountingHeap, Form, HandlerForm, Log, Manual, Polled, Recorder, both_forms,
    heap_allocations_here, panic_of, short_wait,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

both_forms! {
    fn a_promise_is_kept_before_it_is_awaited<F: Form>() {
        let (context, form) = (IoContext::new().unwrap(), F::default());
        let promise = form.operation(&context).with(UsePromise);
        assert!(!promise.is_complete());
        form.finish(7);
        context.run();
        assert!(promise.is_complete());
        let mut future = Polled::new(promise);
        assert_eq!((future.poll(), future.wakes()), (Poll::Ready(7), 0));
    }

    fn a_promise_is_awaited_first<F: Form>() {
        let (context, form) = (IoContext::new().unwrap(), F::default());
        let mut future = Polled::new(form.operation(&context).with(UsePromise));
        assert!(future.poll().is_pending());
        form.finish(7);
        context.run();
        assert_eq!((future.wakes(), future.poll()), (1, Poll::Ready(7)));
        assert_eq!(future.wakers(), 0);
    }

    fn a_promise_with_any_other_token<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let forms = [F::default(), F::default(), F::default()];
        let [a, b, c] = forms.each_ref().map(|form| form.operation(&context).with(UsePromise));
        let inner = log.clone();
        a.wait().callback(move |n| inner.push(format!("a{n}")));
        let group = parallel_group((b.wait(), c.wait())).wait(wait_for_all());
        let inner = log.clone();
        group.callback(move |_, (b, c)| inner.push(format!("b{b} c{c}")));
        for (n, form) in (1..).zip(&forms) {
            form.finish(n);
        }
        context.run();
        assert_eq!(log.take(), "a1 b2 c3");
        let form = F::default();
        let promise = form.operation(&context).with(UsePromise);
        form.finish(4);
        context.restart();
        assert_eq!(promise.wait().blocking(), 4);
    }
}

#[test]
fn an_abandoned_promise() {
    let (context, form) = (IoContext::new().unwrap(), HandlerForm::default());
    let promise = form.operation(&context).with(UsePromise);
    form.abandon();
    context.run();
    assert!(panic_of(|| pollster::block_on(promise)).contains("`promise` was abandoned"));
    // In async form it is not: the promise can still ask it to stop.
    let form = AsyncForm::default();
    let mut promise = Polled::new(form.operation(&context).with(UsePromise));
    form.abandon();
    assert!(promise.poll().is_pending());
    drop(promise);
    context.restart();
    context.poll();
    // It has been asked, and waits all the same: now for the gate alone.
    assert_eq!(form.gate.polls(), 2);
    form.abandon();
    context.run();
}

#[test]
fn a_dropped_promise_asks_its_operation_to_stop() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    let noted = log.clone();
    let promise: Promise<fn(String)> = timer
        .wait()
        .map(move |result| {
            noted.push(if is_cancelled(&result.unwrap_err()) {
                "cancelled"
            } else {
                "error"
            });
            String::new()
        })
        .with(UsePromise);
    assert_eq!(context.poll(), 0);
    drop(promise);
    assert_eq!((context.run(), &*log.take()), (1, "cancelled"));

    // Detached, it goes on.
    timer.wait().with(UsePromise).detach();
    context.restart();
    assert_eq!((context.poll(), timer.cancel()), (0, 1));
    context.run();

    // Kept, and dropped: nothing happens.
    timer.expires_after(Duration::ZERO);
    let promise = timer.async_wait(UsePromise);
    context.restart();
    assert_eq!(context.run(), 1);
    drop(promise);
}

#[test]
fn a_promise_with_a_limit_on_its_time() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    // Of the operation, and of the wait for it.
    let promise = timer.async_wait(cancel_after(Duration::from_millis(1), UsePromise));
    assert!(is_timeout(&promise.wait().blocking().unwrap_err()));
    let promise = timer.async_wait(UsePromise).wait();
    let limited = promise.cancel_after(Duration::from_millis(1));
    assert!(is_timeout(&limited.blocking().unwrap_err()));
}

#[test]
fn the_memory_of_a_promise() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (memory, form) = (Recorder::new(&log), HandlerForm::default());
    // For the result, and for the operation.
    let promise = form
        .operation(&context)
        .with(bind_allocator(memory.clone(), UsePromise));
    assert_eq!(log.take(), "A0 A1");
    form.finish(1);
    context.run();
    assert_eq!(log.take(), "D1");
    assert_eq!(promise.wait().blocking(), 1);
    assert_eq!(log.take(), "D0");
    memory.assert_balanced();
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn promises_without_the_heap() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let mut before = 0;
    for round in 0..30 {
        if round == 10 {
            before = heap_allocations_here();
        }
        timer.expires_after(short_wait(round));
        let promise = timer.async_wait(UsePromise);
        promise.wait().blocking().unwrap();
    }
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
fn results_are_sent_to_a_channel() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let results = Channel::new(&context, 1);
    let strand = Manual::new("strand", &log);
    for n in 0..4 {
        post_on(
            &context,
            bind_executor(context.executor(), append(n, results.deliver())),
        );
    }
    context.poll();
    // One is kept, the others wait.
    assert_eq!(results.len(), 1);
    let all: Vec<u32> = (0..4)
        .map(|_| results.receive().blocking().unwrap())
        .collect();
    assert_eq!(all, [0, 1, 2, 3]);
    post_on(
        &context,
        bind_executor(strand.clone(), append(4, results.deliver())),
    );
    context.restart();
    context.run();
    assert_eq!((strand.run(), results.try_receive().unwrap()), (1, 4));
    // A result for a channel that is closed is dropped.
    results.close();
    post_on(&context, append(5, results.deliver()));
    context.restart();
    context.run();
    assert!(results.try_receive().is_err());
}

/// Where functions of C write.
#[derive(Default)]
struct Written {
    result: AtomicIsize,
    destroyed: AtomicIsize,
}

extern "C" fn on_wait(error: c_int, data: *mut c_void) {
    written(data).result.store(error as isize, Ordering::SeqCst);
}

unsafe extern "C" fn on_numbers(count: isize, more: u32, data: *mut c_void) {
    let sum = count + more as isize;
    written(data).result.store(sum, Ordering::SeqCst);
}

extern "C" fn destroy(data: *mut c_void) {
    written(data).destroyed.fetch_add(1, Ordering::SeqCst);
}

fn written<'a>(data: *mut c_void) -> &'a Written {
    // SAFETY: the tests pass pointers to what outlives their contexts.
    unsafe { &*data.cast_const().cast() }
}

type OnWait = extern "C" fn(c_int, *mut c_void);
type OnNumbers = unsafe extern "C" fn(isize, u32, *mut c_void);

fn token<P>(function: impl CFunction<Pointer = P>, written: &Written) -> CCallback<P> {
    let data = std::ptr::from_ref(written).cast_mut().cast();
    // SAFETY: the functions use atomics alone, of what outlives the contexts.
    let token = unsafe { c_callback(function, data) };
    // SAFETY: as above.
    unsafe { token.or_else(destroy) }
}

#[test]
fn a_result_that_cannot_be_made_one_of_c() {
    struct Bad;

    impl IntoC for Bad {
        type C = isize;

        fn into_c(self) -> isize {
            panic!("no form in C")
        }
    }

    #[async_op]
    fn async_bad(_context: &IoExecutor, op: Completion<fn(Bad, u32)>) {
        op.complete(Bad, 1);
    }

    let (seen, context) = (Written::default(), IoContext::new().unwrap());
    async_bad(&context, token(on_numbers as OnNumbers, &seen));
    catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
    assert_eq!(seen.destroyed.load(Ordering::SeqCst), 1);
}

/// Those of the system's errors.
#[cfg(unix)]
mod numbers {
    pub(crate) const CANCELLED: isize = libc::ECANCELED as isize;
    pub(crate) const TIMED_OUT: isize = libc::ETIMEDOUT as isize;
    pub(crate) const OTHER: isize = libc::EIO as isize;
}
#[cfg(windows)]
mod numbers {
    pub(crate) const CANCELLED: isize = 995;
    pub(crate) const TIMED_OUT: isize = 10060;
    pub(crate) const OTHER: isize = 1117;
}

#[test]
fn functions_of_c() {
    let (seen, context) = (Written::default(), IoContext::new().unwrap());
    let result = || seen.result.swap(99, Ordering::SeqCst);
    let timer = Timer::new(&context);
    timer.async_wait(token(on_wait as OnWait, &seen));
    assert_eq!((context.run(), result()), (1, 0));
    timer.expires_after(Duration::from_secs(3600));
    timer.async_wait(token(on_wait as OnWait, &seen));
    timer.cancel();
    context.restart();
    context.run();
    assert_eq!(result(), -numbers::CANCELLED);
    let limited = cancel_after(Duration::from_millis(1), token(on_wait as OnWait, &seen));
    timer.async_wait(limited);
    context.restart();
    context.run();
    assert_eq!(result(), -numbers::TIMED_OUT);

    #[async_op]
    fn async_numbers(_context: &IoExecutor, op: Completion<fn(io::Result<usize>, u32)>) {
        op.complete(Ok(40), 2);
    }
    async_numbers(&context, token(on_numbers as OnNumbers, &seen));
    context.restart();
    context.run();
    assert_eq!((result(), seen.destroyed.load(Ordering::SeqCst)), (42, 0));
    // Dropped uncalled.
    timer.async_wait(token(on_wait as OnWait, &seen));
    drop(context);
    assert_eq!((result(), seen.destroyed.load(Ordering::SeqCst)), (99, 1));
}

#[test]
fn results_of_io_in_c() {
    assert_eq!(io::Result::Ok(()).into_c(), 0);
    assert_eq!(io::Result::<usize>::Ok(7).into_c(), 7);
    let one = io::Error::from_raw_os_error(111);
    assert_eq!(io::Result::<()>::Err(one).into_c(), -111);
    let other = io::Error::other("on purpose");
    assert_eq!(io::Result::<usize>::Err(other).into_c(), -numbers::OTHER);
}

/// Completes by the first or the second of its signatures.
#[async_op]
#[allow(
    clippy::type_complexity,
    reason = "that is what several signatures are"
)]
fn async_half(_context: &IoExecutor, n: u32, op: Completion<(fn(u32), fn(&'static str, u32))>) {
    if n.is_multiple_of(2) {
        op.complete_first((n / 2,));
    } else {
        op.complete_second(("odd", n));
    }
}

struct Halves(Log, IoExecutor);

impl Associations for Halves {
    fn executor<E: Executor>(&self, _: &E) -> impl Executor {
        self.1
    }
}

impl CompletionHandler<fn(u32)> for Halves {
    fn complete(self, (half,): (u32,)) {
        self.0.push(format!("half{half}"));
    }
}

impl CompletionHandler<fn(&'static str, u32)> for Halves {
    fn complete(self, (why, n): (&'static str, u32)) {
        self.0.push(format!("{why}{n}"));
    }
}

#[test]
fn several_signatures_over_every_token() {
    let log = Log::new();
    let (context, home) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    for n in [6, 7] {
        async_half(&context, n, each(Halves(log.clone(), home.executor())));
    }
    assert_eq!((context.run(), home.run()), (0, 2));
    assert_eq!(log.take(), "half3 odd7");
    assert_eq!(async_half(&context, 6, Blocking), OneOf2::First(3));
    assert_eq!(half(&context, 7).blocking(), OneOf2::Second(("odd", 7)));
    let promise = async_half(&context, 8, UsePromise);
    context.restart();
    context.run();
    assert_eq!(pollster::block_on(promise), OneOf2::First(4));
    assert_eq!(
        pollster::block_on(async_half(&context, 1, UseFuture)),
        OneOf2::Second(("odd", 1))
    );
    let (inner, home) = (log.clone(), home.executor());
    half(&context, 10)
        .map(|half| matches!(half, OneOf2::First(5)))
        .with(bind_executor(home, move |is_five| {
            inner.push(format!("{is_five}"))
        }));
}
