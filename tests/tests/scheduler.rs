//! What running a context from several places may and may not do.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use async_op::executor::WorkGuard;
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Blocking, CompletionHandler, CompletionToken, Executor, Initiation, IoContext, IoExecutor,
    Signature, UseFuture, async_initiate,
};
use async_op_tests::net::{ThreadId, half_pair, poll_with, post};

const FAR: Duration = Duration::from_secs(3600);

/// Counts its drops.
struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls a function at each wake.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn on_wake(function: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(OnWake(function)))
}

/// Posts itself for ever.
fn spin(executor: IoExecutor) {
    post(&executor, move || spin(executor));
}

#[test]
fn a_runner_goes_on_while_the_next_one_waits_for_events() {
    let context = IoContext::new().unwrap();
    let work = WorkGuard::new(context.executor());
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_millis(200));
    let ids = Arc::new(Mutex::new(Vec::<ThreadId>::new()));

    // Woken by the one that met the event: holds it until the other waits.
    let others = Arc::clone(&ids);
    let (sender, receiver) = mpsc::channel();
    let waker = on_wake(move || {
        let me = format!("{:?}", ThreadId::current());
        let other = loop {
            let ids = others.lock().unwrap();
            if let [_, _] = ids[..] {
                break ids.iter().find(|id| format!("{id:?}") != me).cloned();
            }
        };
        other.unwrap().until_it_waits_for_events();
        sender.send(()).unwrap();
    });
    let mut wait = pin!(timer.async_wait(UseFuture));
    assert!(poll_with(wait.as_mut(), &waker).is_pending());

    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                ids.lock().unwrap().push(ThreadId::current());
                context.run()
            });
        }
        receiver.recv().unwrap();
        assert!(poll_with(wait.as_mut(), Waker::noop()).is_ready());
        // If the one that met the event were held up, it would be active for
        // ever.
        drop(work);
    });
}

#[test]
fn a_context_dropped_by_its_own_handler_takes_its_tasks_along() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    let timer = Timer::new(&context);
    timer.expires_after(FAR);
    let dropped = Arc::new(AtomicUsize::new(0));

    let count = Arc::clone(&dropped);
    post(&executor, move || {
        let before = CountDrop(Arc::clone(&count));
        post(&executor, move || drop(before));
        drop(context);
        assert_eq!(count.load(Ordering::SeqCst), 1);
        let after = CountDrop(count);
        post(&executor, move || drop(after));
    });
    // The handler runs here, on the thread that drives the context.
    timer.async_wait(Blocking).unwrap_err();
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[test]
fn a_drop_that_panics_in_the_drop_of_a_context_saves_nothing() {
    struct PanicOnDrop(#[expect(dead_code, reason = "for its drop")] CountDrop);
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let context = IoContext::new().unwrap();
    let executor = context.executor();
    let dropped = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let value = PanicOnDrop(CountDrop(Arc::clone(&dropped)));
        post(&executor, move || drop(value));
        let value = CountDrop(Arc::clone(&dropped));
        post(&executor, move || drop(value));
    }
    catch_unwind(AssertUnwindSafe(|| drop(context))).unwrap_err();
    assert_eq!(dropped.load(Ordering::SeqCst), 4);
    let value = CountDrop(Arc::clone(&dropped));
    post(&executor, move || drop(value));
    assert_eq!(dropped.load(Ordering::SeqCst), 5);
}

#[test]
fn a_context_dropped_while_a_blocked_thread_drives_it_is_an_error_there() {
    for _ in 0..500 {
        let context = IoContext::new().unwrap();
        let timer = Timer::new(&context);
        timer.expires_after(FAR);
        let (sender, receiver) = mpsc::channel();
        let blocked = thread::spawn(move || {
            sender.send(ThreadId::current()).unwrap();
            timer.async_wait(Blocking)
        });
        receiver.recv().unwrap().until_it_waits_for_events();
        drop(context);
        blocked.join().expect("no panic").unwrap_err();
    }
}

#[test]
fn a_context_dropped_while_a_blocked_thread_waits_for_its_runner() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(FAR);
    let other = timer.clone();
    let (sender, receiver) = mpsc::channel();
    let threads = [timer, other].map(|timer| {
        let sender = sender.clone();
        thread::spawn(move || {
            sender.send(ThreadId::current()).unwrap();
            timer.async_wait(Blocking)
        })
    });
    let ids = [receiver.recv().unwrap(), receiver.recv().unwrap()];
    // One drives, one waits; which is which is theirs to know.
    let (sender, receiver) = mpsc::channel();
    for id in ids.clone() {
        let sender = sender.clone();
        thread::spawn(move || {
            id.until_it_waits_for_events();
            let _ = sender.send(id);
        });
    }
    let driver = receiver.recv().unwrap();
    let waits = ids
        .iter()
        .find(|id| format!("{id:?}") != format!("{driver:?}"));
    waits.unwrap().until_it_is_parked();
    drop(receiver);
    drop(context);
    for thread in threads {
        thread.join().expect("no panic").unwrap_err();
    }
}

#[test]
fn a_nested_run_does_not_end_the_outer_one() {
    for nested in [IoContext::run, IoContext::poll, IoContext::run_one] {
        let context = Arc::new(IoContext::new().unwrap());
        let executor = context.executor();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (outer, inner) = (Arc::clone(&log), Arc::clone(&context));
        post(&executor, move || {
            let log = Arc::clone(&outer);
            post(&executor, move || log.lock().unwrap().push("inner"));
            assert_eq!(nested(&inner), 1);
            assert_eq!(nested(&inner), 0);
            assert!(!inner.stopped());
            let timer = Timer::new(&inner);
            timer.expires_after(Duration::from_millis(1));
            timer
                .wait()
                .callback(move |_| outer.lock().unwrap().push("later"));
        });
        assert_eq!(context.run(), 2);
        assert!(context.stopped());
        assert_eq!(*log.lock().unwrap(), ["inner", "later"]);
    }
}

#[test]
fn a_nested_run_waits_for_work_that_is_outstanding() {
    let context = Arc::new(IoContext::new().unwrap());
    let inner = Arc::clone(&context);
    post(&context.executor(), move || {
        let timer = Timer::new(&inner);
        timer.expires_after(Duration::from_millis(1));
        timer.wait().callback(|_| {});
        assert_eq!(inner.run(), 1);
    });
    assert_eq!(context.run(), 1);
}

#[test]
fn nested_runs_on_two_threads_return_when_both_have_nothing_to_do() {
    let context = Arc::new(IoContext::new().unwrap());
    let executor = context.executor();
    let work = WorkGuard::new(executor);
    let after = Arc::new(AtomicUsize::new(0));
    let ran = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..2 {
        let (inner, after, sender) = (Arc::clone(&context), Arc::clone(&after), sender.clone());
        let ran = Arc::clone(&ran);
        post(&executor, move || {
            sender.send(()).unwrap();
            // It may run what the other one posts.
            ran.fetch_add(inner.run(), Ordering::SeqCst);
            post(&executor, move || {
                after.fetch_add(1, Ordering::SeqCst);
            });
        });
    }
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| ran.fetch_add(context.run(), Ordering::SeqCst));
        }
        // Both handlers are at it before the work is given back.
        receiver.recv().unwrap();
        receiver.recv().unwrap();
        drop(work);
    });
    assert_eq!(ran.load(Ordering::SeqCst), 4);
    assert_eq!(after.load(Ordering::SeqCst), 2);
    assert!(context.stopped());
}

#[test]
fn a_deadline_ends_a_run_that_always_has_something_to_do() {
    let context = IoContext::new().unwrap();
    spin(context.executor());
    assert!(context.run_for(Duration::from_millis(5)) > 0);
    assert!(!context.stopped());
    assert_eq!(context.run_until(Instant::now()), 0);
    assert_eq!(context.run_one(), 1);
}

#[test]
fn run_on_a_stopped_context_returns_at_once() {
    let context = IoContext::new().unwrap();
    post(&context.executor(), || {});
    context.stop();
    assert!(context.stopped());
    let never = Instant::now() + FAR;
    assert_eq!(
        [
            context.run(),
            context.run_one(),
            context.poll(),
            context.poll_one(),
            context.run_for(FAR),
            context.run_until(never),
            context.run_one_for(FAR),
            context.run_one_until(never),
        ],
        [0; 8]
    );
    context.restart();
    assert_eq!(context.run(), 1);
    // Out of work is as good as stopped.
    post(&context.executor(), || {});
    assert_eq!(context.run(), 0);
    context.restart();
    assert_eq!(context.run(), 1);
}

#[test]
fn blocking_on_a_stopped_context_panics_with_advice() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(FAR);
    context.stop();
    let panic = catch_unwind(AssertUnwindSafe(|| timer.async_wait(Blocking))).unwrap_err();
    let message = panic.downcast_ref::<&str>().unwrap();
    assert!(message.contains("call `restart` first"), "{message}");
    // The wait that panicked has left nothing behind.
    context.restart();
    assert_eq!(timer.cancel(), 0);
}

#[test]
fn a_waker_that_panics_does_not_cost_others_their_wake() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(FAR);
    let woken = Arc::new(AtomicBool::new(false));
    let mut first = pin!(timer.async_wait(UseFuture));
    let mut second = pin!(timer.async_wait(UseFuture));
    let panics = on_wake(|| panic!("on purpose"));
    let flag = Arc::clone(&woken);
    let counts = on_wake(move || flag.store(true, Ordering::SeqCst));
    assert!(poll_with(first.as_mut(), &panics).is_pending());
    assert!(poll_with(second.as_mut(), &counts).is_pending());
    catch_unwind(AssertUnwindSafe(|| timer.cancel())).unwrap_err();
    assert!(woken.load(Ordering::SeqCst));
    assert!(poll_with(first.as_mut(), &counts).is_ready());
    assert!(poll_with(second.as_mut(), &counts).is_ready());
}

#[test]
fn a_waker_that_is_replaced_may_drop_other_operations_of_the_object() {
    type Read = Pin<Box<dyn Future<Output = (std::io::Result<usize>, [u8; 1])> + Send>>;

    /// A task: owns an operation, as the last reference to it.
    struct Owner(#[expect(dead_code, reason = "for its drop")] Mutex<Option<Read>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }

    let context = IoContext::new().unwrap();
    let (stream, _peer) = half_pair(&context);
    let mut read = pin!(stream.async_read_some([0; 1], UseFuture));
    let clone = stream.clone();
    let mut other: Read = Box::pin(async move { clone.async_read_some([0; 1], UseFuture).await });
    assert!(poll_with(other.as_mut(), Waker::noop()).is_pending());
    let owner = Waker::from(Arc::new(Owner(Mutex::new(Some(other)))));
    assert!(poll_with(read.as_mut(), &owner).is_pending());
    drop(owner);
    // The read's is the last reference now. Its drop locks what this locks.
    assert!(poll_with(read.as_mut(), Waker::noop()).is_pending());
}

#[test]
fn a_thread_blocked_on_an_operation_without_work_sleeps() {
    /// An operation by hand that holds no work on its executor.
    struct Idle(IoExecutor, Arc<Mutex<(bool, Option<Waker>)>>);

    impl Initiation<fn()> for Idle {
        type Executor = IoExecutor;

        fn executor(&self) -> &IoExecutor {
            &self.0
        }

        fn initiate<H: CompletionHandler<fn()>>(self, _: H) {
            unreachable!("blocked on only")
        }
    }

    impl Future for Idle {
        type Output = <fn() as Signature>::Output;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let mut state = self.1.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        }
    }

    fn wait<T: CompletionToken<'static, fn()>>(idle: Idle, token: T) -> T::Return<Idle> {
        async_initiate(idle, token)
    }

    let context = IoContext::new().unwrap();
    let state = Arc::new(Mutex::new((false, None::<Waker>)));
    let me = ThreadId::current();
    thread::scope(|scope| {
        scope.spawn(|| {
            while state.lock().unwrap().1.is_none() {
                thread::yield_now();
            }
            me.until_it_waits_for_events();
            let mut state = state.lock().unwrap();
            state.0 = true;
            state.1.take().unwrap().wake();
        });
        wait(Idle(context.executor(), Arc::clone(&state)), Blocking);
    });
}

#[test]
fn a_handler_that_panics_costs_no_task_and_no_work() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    post(&executor, move || {
        let timer = Timer::new(&executor);
        timer.expires_after(Duration::from_millis(1));
        let (again, once) = (Arc::clone(&count), count);
        timer.wait().callback(move |_| {
            again.fetch_add(1, Ordering::SeqCst);
        });
        executor.defer(Task::new(move || {
            once.fetch_add(1, Ordering::SeqCst);
        }));
        panic!("on purpose");
    });
    catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
    assert!(!context.stopped());
    assert_eq!(context.run(), 2);
    assert_eq!(ran.load(Ordering::SeqCst), 2);
    assert!(context.stopped());
}
