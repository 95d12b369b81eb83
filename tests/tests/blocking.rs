//! Tokens: `Blocking` drives the context while nobody else does.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::executor::WorkGuard;
use async_op::net::{TcpListener, TcpStream};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Blocking, Executor, IoContext, IoExecutor, SystemExecutor, async_op};
use async_op_tests::{Form, HandlerForm, Log, both_forms, message_of, panic_of, without_hanging};

const INSIDE: &str = "blocking on an operation of an `IoContext` inside a handler that the \
                      context runs would wait for ever: use a callback or `.await` there";
const STOPPED: &str = "blocking on an operation of a stopped `IoContext` would wait for ever: \
                       call `restart` first";

fn soon(context: &IoContext) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(Duration::from_millis(1));
    timer
}

#[test]
fn it_drives_the_context() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        soon(&context).async_wait(Blocking).unwrap();
        soon(&context).wait().blocking().unwrap();
        assert!(!context.stopped());
    });
}

#[test]
fn it_runs_the_handlers_of_others_meanwhile() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let inner = log.clone();
        context.post(Task::new(move || inner.push("posted")));
        soon(&context).async_wait(Blocking).unwrap();
        assert_eq!(log.take(), "posted");
        assert_eq!(context.run(), 0);
    });
}

#[test]
fn a_future_that_wakes_itself_drives_it_too() {
    /// Waits for a flag the way one should not.
    #[async_op]
    async fn async_spin(_context: &IoExecutor, flag: Arc<AtomicBool>) -> usize {
        for polls in 0.. {
            if flag.load(Ordering::SeqCst) {
                return polls;
            }
            let_others().await;
        }
        unreachable!("it is set in the end")
    }

    async fn let_others() {
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    without_hanging(|| {
        let context = IoContext::new().unwrap();
        // Set by a task, and by one after a timer.
        let flags = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let [posted, timed] = flags.clone();
        context.post(Task::new(move || posted.store(true, Ordering::SeqCst)));
        let [first, second] = flags;
        assert!(async_spin(&context, first, Blocking) > 0);
        assert!(!context.stopped());
        // Not before: on a slow machine it would have been over by now.
        soon(&context).wait().callback(move |result| {
            result.unwrap();
            timed.store(true, Ordering::SeqCst);
        });
        assert!(async_spin(&context, second, Blocking) > 0);
        assert!(!context.stopped());
    });
}

#[test]
fn it_returns_without_running_what_comes_after() {
    without_hanging(|| {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = HandlerForm::default();
        let (finish, inner) = (form.clone(), log.clone());
        context.post(Task::new(move || finish.finish(1)));
        context.post(Task::new(move || inner.push("after")));
        assert_eq!(form.operation(&context).blocking(), 1);
        assert_eq!(log.take(), "");
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "after");
    });
}

#[test]
fn it_works_on_a_context_that_ran_out_of_work() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        assert_eq!(context.run(), 0);
        assert!(context.stopped());
        soon(&context).async_wait(Blocking).unwrap();
    });
}

#[test]
fn it_borrows_buffers() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::async_connect(&context, address, Blocking).unwrap();
        let (server, _) = listener.async_accept(Blocking).unwrap();
        let text = String::from("hello");
        assert_eq!(client.write_some(text.as_bytes()).blocking().unwrap(), 5);
        let mut buffer = [0; 3];
        assert_eq!(server.async_read_some(&mut buffer, Blocking).unwrap(), 3);
        assert_eq!(&buffer, b"hel");
    });
}

both_forms! {
    fn at_once<F: Form>() {
        let context = IoContext::new().unwrap();
        assert_eq!(pollster::block_on(F::future_now(&context)), 1);
        assert_eq!(context.run(), 0);
    }

    fn completed_by_another_thread<F: Form>() {
        without_hanging(|| {
            let context = IoContext::new().unwrap();
            for n in 0..200 {
                let form = F::default();
                thread::scope(|scope| {
                    let (sender, receiver) = mpsc::channel();
                    let other = form.clone();
                    // Only once the operation has started: this runs inside.
                    context.post(Task::new(move || sender.send(()).unwrap()));
                    scope.spawn(move || {
                        receiver.recv().unwrap();
                        other.finish(n);
                    });
                    assert_eq!(form.operation(&context).blocking(), n);
                });
            }
        });
    }
}

#[test]
fn another_thread_that_runs_the_context_does_the_work() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let guard = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            context.post(Task::new(move || {
                sender.send(thread::current().id()).unwrap()
            }));
            let runner = scope.spawn(|| context.run());
            let runner_id = receiver.recv().unwrap();
            assert_eq!(runner_id, runner.thread().id());
            let (sender, receiver) = mpsc::channel();
            let timer = soon(&context);
            timer
                .wait()
                .callback(move |_| sender.send(thread::current().id()).unwrap());
            timer.async_wait(Blocking).unwrap();
            assert_eq!(receiver.recv().unwrap(), runner_id);
            drop(guard);
            assert_eq!(runner.join().unwrap(), 2);
        });
    });
}

#[test]
fn it_takes_over_when_the_other_runner_leaves() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let form = HandlerForm::default();
        let leave = Arc::new(Barrier::new(2));
        let (entered, entering) = mpsc::channel();
        let inside = Arc::clone(&leave);
        context.post(Task::new(move || {
            entered.send(()).unwrap();
            inside.wait();
        }));
        thread::scope(|scope| {
            let runner = scope.spawn(|| context.run_one());
            entering.recv().unwrap();
            // Somebody runs the context: this thread does not.
            let blocked = scope.spawn(|| form.operation(&context).blocking());
            let op = loop {
                match form.hold.take() {
                    Some(op) => break op,
                    None => thread::yield_now(),
                }
            };
            let (ran, running) = mpsc::channel();
            context.post(Task::new(move || {
                ran.send(thread::current().id()).unwrap();
                op.complete(8);
            }));
            leave.wait();
            assert_eq!(runner.join().unwrap(), 1);
            assert_eq!(running.recv().unwrap(), blocked.thread().id());
            assert_eq!(blocked.join().unwrap(), 8);
        });
    });
}

#[test]
fn several_threads_block_on_one_context() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        thread::scope(|scope| {
            for n in 0..4 {
                let context = &context;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let timer = Timer::new(context);
                        timer.expires_after(Duration::from_micros(50 * n));
                        timer.async_wait(Blocking).unwrap();
                    }
                });
            }
        });
        assert_eq!(context.run(), 0);
    });
}

#[test]
fn inside_a_handler_of_the_context_it_panics() {
    let context = IoContext::new().unwrap();
    let timer = soon(&context);
    timer.expires_after(Duration::from_secs(3600));
    let inner = timer.clone();
    context.post(Task::new(move || inner.async_wait(Blocking).unwrap()));
    assert_eq!(panic_of(|| context.run()), INSIDE);
    assert_eq!(timer.cancel(), 0);
    assert_eq!(context.run(), 0);
}

#[test]
fn inside_a_handler_what_is_ready_does_not_panic() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    context.post(Task::new(move || timer.async_wait(Blocking).unwrap()));
    assert_eq!(context.run(), 1);
}

#[test]
fn inside_a_handler_of_another_context_it_drives() {
    without_hanging(|| {
        let (one, two) = (IoContext::new().unwrap(), IoContext::new().unwrap());
        let timer = soon(&two);
        one.post(Task::new(move || timer.async_wait(Blocking).unwrap()));
        assert_eq!(one.run(), 1);
    });
}

#[test]
fn on_a_stopped_context_it_panics() {
    let context = IoContext::new().unwrap();
    context.stop();
    let timer = soon(&context);
    timer.expires_after(Duration::from_secs(3600));
    assert_eq!(panic_of(|| timer.async_wait(Blocking)), STOPPED);
    assert_eq!(timer.cancel(), 0);
    context.restart();
    timer.expires_after(Duration::from_millis(1));
    timer.async_wait(Blocking).unwrap();
}

#[test]
fn on_a_context_that_is_stopped_meanwhile_it_panics() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let (sender, receiver) = mpsc::channel();
        context.post(Task::new(move || sender.send(()).unwrap()));
        let timer = soon(&context);
        timer.expires_after(Duration::from_secs(3600));
        thread::scope(|scope| {
            let blocked = scope.spawn(|| timer.async_wait(Blocking));
            receiver.recv().unwrap();
            context.stop();
            assert_eq!(message_of(&*blocked.join().unwrap_err()), STOPPED);
        });
        context.restart();
        assert_eq!(context.run(), 0);
    });
}

#[test]
fn on_the_system_context_it_parks() {
    let timer = Timer::new(&SystemExecutor);
    for _ in 0..20 {
        timer.expires_after(Duration::from_micros(100));
        timer.async_wait(Blocking).unwrap();
    }
}
