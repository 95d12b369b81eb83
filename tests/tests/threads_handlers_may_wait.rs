//! A handler may wait for what it has started, as long as another thread runs the
//! context too, whenever that comes and however it runs it.

use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{self, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use async_op::executor::{Strand, WorkGuard};
use async_op::net::TcpStream;
use async_op::sync::Channel;
use async_op::time::Timer;
use async_op::{IoContext, IoExecutor, spawn};
use async_op_tests::net::{post, std_pair};
use async_op_tests::{AsyncForm, Form, without_hanging};

const ROUNDS: usize = 200;
const MOMENT: Duration = Duration::from_micros(50);

type Done = Box<dyn FnOnce() + Send>;

/// What a handler starts, and waits for: each calls `done` in the end, on a thread that
/// runs the context.
mod start {
    use super::*;

    pub(super) fn a_task(executor: &IoExecutor, done: Done) {
        post(executor, done);
    }

    pub(super) fn a_chain_of_tasks(executor: &IoExecutor, done: Done) {
        fn link(executor: IoExecutor, left: u32, done: Done) {
            post(&executor, move || match left.checked_sub(1) {
                Some(left) => link(executor, left, done),
                None => done(),
            });
        }
        link(*executor, 3, done);
    }

    pub(super) fn a_task_of_a_strand(executor: &IoExecutor, done: Done) {
        post(&Strand::new(*executor), done);
    }

    pub(super) fn a_future_that_it_wakes(executor: &IoExecutor, done: Done) {
        let form = AsyncForm::default();
        let wait = form.future(executor);
        let future = async {
            wait.await;
            done();
        };
        spawn(executor, future, |()| ());
        form.finish(1);
    }

    pub(super) fn an_operation_that_it_wakes(executor: &IoExecutor, done: Done) {
        let form = AsyncForm::default();
        form.operation(executor).callback(|_| done());
        form.finish(1);
    }

    pub(super) fn a_message(executor: &IoExecutor, done: Done) {
        let channel = Channel::new(executor, 0);
        channel.receive().callback(|received| {
            received.unwrap();
            done();
        });
        channel.try_send(1).unwrap();
    }

    pub(super) fn a_timer(executor: &IoExecutor, done: Done) {
        let timer = Timer::new(executor);
        timer.expires_after(MOMENT);
        timer.wait().callback(|result| {
            result.unwrap();
            done();
        });
    }

    pub(super) fn a_timer_that_it_cancels(executor: &IoExecutor, done: Done) {
        let timer = Timer::new(executor);
        timer.expires_after(Duration::from_secs(3600));
        timer.wait().callback(|result| {
            result.unwrap_err();
            done();
        });
        timer.cancel();
    }

    pub(super) fn bytes_that_another_handler_writes(executor: &IoExecutor, done: Done) {
        let (a, b) = std_pair();
        let a = TcpStream::from_std(executor, a).unwrap();
        let b = TcpStream::from_std(executor, b).unwrap();
        b.read_some([0; 8]).callback(|result, buffer| {
            assert_eq!(&buffer[..result.unwrap()], b"bytes");
            done();
        });
        post(executor, move || {
            a.write_some(*b"bytes").callback(move |result, _| {
                assert_eq!(result.unwrap(), 5);
                drop((a, b));
            });
        });
    }
}

type Start = fn(&IoExecutor, Done);
type Call = fn(&IoContext) -> usize;

/// Has a handler of the context wait for what it starts; `begun` is called when it has
/// been started, `ended` afterwards.
fn wait_in_a_handler(
    round: usize,
    executor: IoExecutor,
    start: Start,
    begun: impl FnOnce() + Send + 'static,
    ended: impl FnOnce() + Send + 'static,
) {
    let handler = move || {
        let (sender, receiver) = mpsc::channel();
        start(&executor, Box::new(move || sender.send(()).unwrap()));
        begun();
        receiver.recv().unwrap();
        ended();
    };
    match round % 3 {
        0 => post(&executor, handler),
        1 => post(&Strand::new(executor), handler),
        _ => {
            let timer = Timer::new(&executor);
            timer.expires_after(MOMENT);
            timer.wait().callback(|result| {
                result.unwrap();
                handler();
            });
        }
    }
}

fn when_the_other_runner_comes_later(start: Start) {
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        for round in 0..ROUNDS {
            let (sender, begun) = mpsc::channel();
            let begin = move || sender.send(()).unwrap();
            wait_in_a_handler(round, context.executor(), start, begin, || ());
            thread::scope(|scope| {
                scope.spawn(|| context.run());
                begun.recv().unwrap();
                context.run();
            });
            context.restart();
        }
    });
}

fn when_nobody_arranges_who_comes_first(start: Start) {
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        for round in 0..ROUNDS {
            let (sender, ended) = mpsc::channel();
            let end = move || sender.send(()).unwrap();
            wait_in_a_handler(round, context.executor(), start, || (), end);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| context.run());
                }
            });
            ended.try_recv().unwrap();
            context.restart();
        }
    });
}

/// Calls `call` until the context is stopped; returns how many tasks that ran.
fn call_again(context: &IoContext, call: Call) -> usize {
    let mut ran = 0;
    while !context.stopped() {
        ran += call(context);
        thread::yield_now();
    }
    ran
}

/// One thread is in `run`, the other calls `call` in a loop.
fn beside_a_loop(start: Start, call: Call) {
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            scope.spawn(|| call_again(&context, call));
            for round in 0..ROUNDS {
                let (sender, ended) = mpsc::channel();
                let end = move || sender.send(()).unwrap();
                wait_in_a_handler(round, context.executor(), start, || (), end);
                ended.recv().unwrap();
            }
            context.stop();
        });
    });
}

/// Both call `call` in a loop.
fn in_two_loops(start: Start, call: Call) {
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| call_again(&context, call));
            }
            for round in 0..ROUNDS {
                let (sender, ended) = mpsc::channel();
                let end = move || sender.send(()).unwrap();
                wait_in_a_handler(round, context.executor(), start, || (), end);
                ended.recv().unwrap();
            }
            context.stop();
        });
    });
}

macro_rules! a_handler_may_wait_for {
    ($($start:ident)*) => {$(
        mod $start {
            use super::*;
            const START: Start = start::$start;

            #[test]
            fn when_the_other_runner_comes_later() {
                super::when_the_other_runner_comes_later(START);
            }

            #[test]
            fn when_nobody_arranges_who_comes_first() {
                super::when_nobody_arranges_who_comes_first(START);
            }

            #[test]
            fn beside_a_loop_of_poll() {
                beside_a_loop(START, |context| context.poll());
            }

            #[test]
            fn beside_a_loop_of_poll_one() {
                beside_a_loop(START, |context| context.poll_one());
            }

            #[test]
            fn beside_a_loop_of_run_one() {
                beside_a_loop(START, |context| context.run_one());
            }

            #[test]
            fn beside_a_loop_of_run_for() {
                beside_a_loop(START, |context| context.run_for(MOMENT));
            }

            #[test]
            fn in_two_loops_of_poll() {
                in_two_loops(START, |context| context.poll());
            }

            #[test]
            fn in_two_loops_of_run_one() {
                in_two_loops(START, |context| context.run_one());
            }

            #[test]
            fn in_two_loops_of_run_for() {
                in_two_loops(START, |context| context.run_for(MOMENT));
            }
        }
    )*};
}

a_handler_may_wait_for! {
    a_task
    a_chain_of_tasks
    a_task_of_a_strand
    a_future_that_it_wakes
    an_operation_that_it_wakes
    a_message
    a_timer
    a_timer_that_it_cancels
    bytes_that_another_handler_writes
}

/// No task is counted twice, or by nobody, when it waits for another.
#[test]
fn each_task_is_counted_by_whoever_ran_it() {
    let calls: [Call; 4] = [
        |context| context.poll(),
        |context| context.poll_one(),
        |context| context.run_one(),
        |context| context.run_for(MOMENT),
    ];
    for call in calls {
        without_hanging(move || {
            let context = IoContext::new().unwrap();
            let work = WorkGuard::new(context.executor());
            let executor = context.executor();
            let ran: usize = thread::scope(|scope| {
                let one = scope.spawn(|| context.run());
                let other = scope.spawn(|| call_again(&context, call));
                for _ in 0..ROUNDS {
                    let (done, ended) = mpsc::channel();
                    post(&executor, move || {
                        let (sender, receiver) = mpsc::channel();
                        post(&executor, move || sender.send(()).unwrap());
                        receiver.recv().unwrap();
                        done.send(()).unwrap();
                    });
                    ended.recv().unwrap();
                }
                drop(work);
                one.join().unwrap() + other.join().unwrap()
            });
            assert_eq!(ran, 2 * ROUNDS);
        });
    }
}

/// A waker of another library that waits for what the next one of the same events starts,
/// while the other runner comes later: before it has run any task, and after some.
#[test]
fn a_foreign_waker() {
    struct Waits(Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>);
    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            if let Some((entered, released)) = self.0.lock().unwrap().take() {
                entered.send(()).unwrap();
                released.recv().unwrap();
            }
        }
    }

    fn with_tasks_before(tasks: usize) {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        for _ in 0..tasks {
            post(&context.executor(), || ());
        }
        let (entered, entering) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let waker = Waker::from(Arc::new(Waits(Mutex::new(Some((entered, released))))));
        let soon = Instant::now() + Duration::from_millis(30);
        let (first, second) = (Timer::new(&context), Timer::new(&context));
        first.expires_at(soon);
        second.expires_at(soon);
        let mut wait = pin!(first.wait());
        let polled = wait.as_mut().poll(&mut task::Context::from_waker(&waker));
        assert!(polled.is_pending());
        second.wait().callback(move |result| {
            result.unwrap();
            release.send(()).unwrap();
            end.send(()).unwrap();
        });
        thread::scope(|scope| {
            scope.spawn(|| context.run());
            entering.recv().unwrap();
            scope.spawn(|| context.run());
            ended.recv().unwrap();
            context.stop();
        });
    }

    for tasks in [0, 5] {
        without_hanging(move || (0..20).for_each(|_| with_tasks_before(tasks)));
    }
}

/// A task that waits for a later one, which its runner has at hand as well, while the other
/// runner has just come back with nothing.
#[test]
fn a_task_that_waits_for_a_later_one() {
    without_hanging(|| {
        for round in 0..500_u64 {
            let context = IoContext::new().unwrap();
            let _work = WorkGuard::new(context.executor());
            let executor = context.executor();
            let (end, ended) = mpsc::channel();
            thread::scope(|scope| {
                scope.spawn(|| context.run());
                scope.spawn(|| context.run());
                post(&executor, move || {
                    // Sends the other to and fro.
                    let (sender, receiver) = mpsc::channel();
                    post(&executor, move || sender.send(()).unwrap());
                    receiver.recv().unwrap();
                    for _ in 0..round * 200 {
                        std::hint::spin_loop();
                    }
                    let (later, waits) = mpsc::channel();
                    post(&executor, move || end.send(waits.recv()).unwrap());
                    post(&executor, move || later.send(()).unwrap());
                });
                ended.recv().unwrap().unwrap();
                context.stop();
            });
        }
    });
}
