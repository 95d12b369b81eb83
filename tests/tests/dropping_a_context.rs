//! Guarantee 14: dropping a context destroys every operation it can reach, each
//! into its own allocator.

use std::io;
use std::net;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_op::net::{TcpListener, TcpStream};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, Handler, IoContext, IoExecutor};
use async_op_tests::{
    Alive, Form, HandlerForm, Log, Manual, Polled, Probe, Recorder, both_forms, panic_of,
    without_hanging,
};

const HOUR: Duration = Duration::from_secs(3600);

type Waited = (io::Result<()>,);

fn timer(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(HOUR);
    timer
}

fn connection(context: &IoExecutor) -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (TcpStream::from_std(context, server).unwrap(), client)
}

#[test]
fn timers() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorders = ["a", "b", "c"].map(|name| Recorder::named(name, &log));
    let (one, two) = (timer(&context), timer(&context));
    for (timer, recorder) in [(&one, 0), (&two, 1), (&one, 2)] {
        let probe = Probe::calling(&log, |_: Waited| ());
        timer.async_wait(Handler(probe.allocating(&recorders[recorder])));
    }
    assert_eq!(log.take(), "aA0 bA0 cA0");
    drop(context);
    assert_eq!(log.take(), "aD0 drop cD0 drop bD0 drop");
    for recorder in recorders {
        recorder.assert_balanced();
    }
}

#[test]
fn reads_writes_accepts_and_connects() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let (stream, _peer) = connection(&context);
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    type Read = (io::Result<usize>, Vec<u8>);
    let probe = Probe::calling(&log, |_: Read| ()).allocating(&recorder);
    stream.async_read_some(vec![0; 16], Handler(probe));
    type Accepted = (io::Result<(TcpStream, net::SocketAddr)>,);
    let probe = Probe::calling(&log, |_: Accepted| ()).allocating(&recorder);
    listener.async_accept(Handler(probe));
    type Connected = (io::Result<TcpStream>,);
    let probe = Probe::calling(&log, |_: Connected| ()).allocating(&recorder);
    TcpStream::async_connect(&context, listener.local_addr().unwrap(), Handler(probe));
    assert_eq!(log.take(), "A0 A1 A2");
    drop(context);
    assert_eq!(recorder.live(), 0);
    assert_eq!(log.take().matches("drop").count(), 3);
    recorder.assert_balanced();
}

#[test]
fn queued_tasks_in_order() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for entry in ["a", "b", "c"] {
        let alive = Alive::new(&log, entry);
        context.post(Task::new(move || drop(alive)));
    }
    drop(context);
    assert_eq!(log.take(), "a b c");
}

#[test]
fn tasks_left_by_a_run_that_was_stopped() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let executor = context.executor();
    let alive = Alive::new(&log, "drop");
    context.post(Task::new(move || {
        executor.post(Task::new(move || drop(alive)))
    }));
    assert_eq!(context.run_one(), 1);
    assert_eq!(log.take(), "");
    drop(context);
    assert_eq!(log.take(), "drop");
}

both_forms! {
    fn completions_in_the_queue<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&context, Probe::new(&log).allocating(&recorder));
        F::start_now(&context, Probe::new(&log).allocating(&recorder));
        form.finish(1);
        drop(context);
        assert_eq!(log.take(), "A0 A1 D1 drop D0 drop");
        recorder.assert_balanced();
    }

    fn what_is_held_elsewhere_when_it_is_used<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let (used, abandoned) = (F::default(), F::default());
        used.start(&context, Probe::new(&log).allocating(&recorder));
        abandoned.start(&context, Probe::new(&log).allocating(&recorder));
        drop(context);
        assert_eq!(log.take(), "A0 A1");
        used.finish(1);
        assert_eq!(log.take(), "D0 drop");
        abandoned.abandon();
        assert_eq!(log.take(), "D1 drop");
        recorder.assert_balanced();
    }

    fn what_is_held_elsewhere_on_another_thread<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&context, Probe::new(&log).allocating(&recorder));
        thread::scope(|scope| {
            scope.spawn(|| form.finish(1));
            drop(context);
        });
        assert_eq!(log.take(), "A0 D0 drop");
        recorder.assert_balanced();
    }

    /// A guard or an operation of an earlier context that used the same memory.
    fn a_late_completion_does_not_disturb_the_next_context<F: Form>() {
        let (log, form) = (Log::new(), F::default());
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        form.start(&context, Probe::new(&log));
        drop(context);
        let next = IoContext::new().unwrap();
        assert_ne!(next.executor(), executor);
        let alive = Alive::new(&log, "late");
        executor.post(Task::new(move || drop(alive)));
        assert_eq!(log.take(), "late");
        form.finish(1);
        assert_eq!(log.take(), "drop");
        assert_eq!(next.run(), 0);
    }

    fn a_handler_on_another_context_stays_with_that<F: Form>() {
        let (log, one) = (Log::new(), IoContext::new().unwrap());
        let two = IoContext::new().unwrap();
        let form = F::default();
        form.start(&one, Probe::new(&log).on(two.executor()));
        drop(one);
        assert_eq!(two.poll(), 0);
        form.finish(1);
        assert_eq!(two.run(), 1);
        assert_eq!(log.take(), "call");
    }

    fn a_handler_whose_own_context_is_dropped<F: Form>() {
        let (log, one) = (Log::new(), IoContext::new().unwrap());
        let two = IoContext::new().unwrap();
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&one, Probe::new(&log).on(two.executor()).allocating(&recorder));
        drop(two);
        assert_eq!((log.take().as_str(), one.poll()), ("A0", 0));
        form.finish(1);
        assert_eq!(log.take(), "D0 drop");
        recorder.assert_balanced();
        assert_eq!(one.run(), 0);
    }
}

#[test]
fn a_timer_with_a_handler_elsewhere_completes_with_an_error() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let probe = Probe::calling(&log, |(result,): Waited| {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::Other);
    });
    timer(&context).async_wait(Handler(probe.on(home.clone())));
    drop(context);
    assert_eq!(log.take(), "post:home");
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "call");
}

#[test]
fn a_future_in_another_runtime_completes_with_an_error() {
    let context = IoContext::new().unwrap();
    let mut future = Polled::new(timer(&context).wait());
    assert!(future.poll().is_pending());
    drop(context);
    assert_eq!(future.wakes(), 1);
    let std::task::Poll::Ready(result) = future.poll() else {
        panic!("pending")
    };
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::Other);
}

#[test]
fn handlers_that_own_the_objects_they_wait_on() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = timer(&context);
    let (own, alive) = (timer.clone(), Alive::new(&log, "timer"));
    timer.wait().callback(move |_| drop((own, alive)));
    drop(timer);

    let (stream, _peer) = connection(&context);
    let (own, alive) = (stream.clone(), Alive::new(&log, "stream"));
    stream
        .read_some([0; 8])
        .callback(move |_, _| drop((own, alive)));
    drop(stream);

    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    let (own, alive) = (listener.clone(), Alive::new(&log, "listener"));
    listener.accept().callback(move |_| drop((own, alive)));
    drop(listener);

    assert_eq!(log.take(), "");
    drop(context);
    let mut dropped: Vec<_> = log.take().split(' ').map(String::from).collect();
    dropped.sort();
    assert_eq!(dropped, ["listener", "stream", "timer"]);
}

/// Starts operations when it is dropped, `left` deep.
struct Restart {
    log: Log,
    timer: Timer,
    left: u32,
}

impl Drop for Restart {
    fn drop(&mut self) {
        self.log.push("restart");
        if let Some(left) = self.left.checked_sub(1) {
            let next = Restart {
                log: self.log.clone(),
                timer: self.timer.clone(),
                left,
            };
            self.timer.wait().callback(move |_| drop(next));
        }
    }
}

#[test]
fn a_handler_whose_drop_starts_another_operation() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = timer(&context);
    let restart = Restart {
        log: log.clone(),
        timer: timer.clone(),
        left: 3,
    };
    timer.wait().callback(move |_| drop(restart));
    drop(context);
    assert_eq!(log.take(), "restart restart restart restart");
}

#[test]
fn a_long_chain_of_drops_needs_no_stack() {
    struct Chain(IoExecutor, u32);
    impl Drop for Chain {
        fn drop(&mut self) {
            if let Some(left) = self.1.checked_sub(1) {
                let next = Chain(self.0, left);
                self.0.post(Task::new(move || drop(next)));
            }
        }
    }

    let context = IoContext::new().unwrap();
    let chain = Chain(context.executor(), 200_000);
    context.post(Task::new(move || drop(chain)));
    drop(context);
}

#[test]
fn a_drop_that_panics_does_not_save_the_others() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let timer = timer(&context);
    let alive = Alive::new(&log, "before");
    context.post(Task::new(move || drop(alive)));
    let bomb = Bomb;
    context.post(Task::new(move || drop(bomb)));
    let alive = Alive::new(&log, "after");
    context.post(Task::new(move || drop(alive)));
    timer.async_wait(Handler(Probe::calling(&log, |_: Waited| ())));
    let executor = context.executor();
    assert_eq!(panic_of(|| drop(context)), "on purpose");
    assert_eq!(log.take(), "before after drop");
    let alive = Alive::new(&log, "late");
    executor.post(Task::new(move || drop(alive)));
    assert_eq!(log.take(), "late");
}

#[test]
fn inside_a_handler_of_another_context() {
    let (log, one) = (Log::new(), IoContext::new().unwrap());
    let two = IoContext::new().unwrap();
    timer(&two).async_wait(Handler(Probe::calling(&log, |_: Waited| ())));
    let inner = log.clone();
    one.post(Task::new(move || {
        drop(two);
        inner.push("dropped");
    }));
    assert_eq!(one.run(), 1);
    assert_eq!(log.take(), "drop dropped");
}

#[test]
fn inside_a_handler_of_its_own_while_a_blocked_thread_drives_it() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (timer, executor) = (timer(&context), context.executor());
    let context = Arc::new(Mutex::new(Some(context)));
    let (own, inner) = (Arc::clone(&context), log.clone());
    executor.post(Task::new(move || {
        let alive = Alive::new(&inner, "queued");
        executor.post(Task::new(move || drop(alive)));
        let context = own.lock().unwrap().take();
        drop(context);
        inner.push("dropped");
        let alive = Alive::new(&inner, "late");
        executor.post(Task::new(move || drop(alive)));
    }));
    let result = without_hanging(move || timer.wait().blocking());
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::Other);
    assert_eq!(log.take(), "queued dropped late");
}

#[test]
fn while_another_thread_blocks_on_an_operation_of_it() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let (sender, receiver) = mpsc::channel();
        let blocked = thread::spawn(move || {
            let timer = timer(&executor);
            let sender2 = sender.clone();
            // Proves that the thread drives the context.
            executor.post(Task::new(move || sender2.send(()).unwrap()));
            timer.wait().blocking()
        });
        receiver.recv().unwrap();
        drop(context);
        let error = blocked.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other);
    });
}

#[test]
fn a_hosted_completion_in_the_queue_panics_its_future() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let mut future = Polled::new(form.future(&context));
    assert!(future.poll().is_pending());
    let op = form.hold.take().unwrap();
    context.post(Task::new(move || op.complete(1)));
    drop(context);
    assert_eq!(future.wakes(), 1);
    assert!(panic_of(|| future.poll()).starts_with("`async_handler_later` was abandoned"));
}
