//! The order of a group is that in which its operations completed, also where several have
//! before the group is looked at. Its operations run where their own I/O objects do.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use async_op::cancel::CancellationSignal;
use async_op::executor::{ThreadPool, post_call};
use async_op::group::{parallel_group, wait_for_all, wait_for_one};
use async_op::sync::Channel;
use async_op::test::TestContext;
use async_op::time::Timer;
use async_op::{
    Completion, Deferred, Executor, IoContext, IoExecutor, UseFuture, async_op,
    bind_cancellation_slot, bind_executor, post_on, spawn,
};
use async_op_tests::net::Wakes;
use async_op_tests::{
    AsyncForm, Form, HandlerForm, Log, Manual, Polled, both_forms, without_hanging,
};

/// Every order of three.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

both_forms! {
    fn of_a_tuple<F: Form>() {
        for order in ORDERS {
            let (log, context) = (Log::new(), IoContext::new().unwrap());
            let forms: [F; 3] = Default::default();
            let [a, b, c] = forms.each_ref().map(|form| form.operation(&context));
            let inner = log.clone();
            parallel_group((a, b, c))
                .wait(wait_for_all())
                .callback(move |order, _| inner.push(format!("{order:?}")));
            order.iter().for_each(|&n| forms[n].finish(1));
            context.run();
            assert_eq!(log.take(), format!("{order:?}"));
        }
    }

    fn of_a_range<F: Form>() {
        for order in ORDERS {
            let (log, context) = (Log::new(), IoContext::new().unwrap());
            let forms: [F; 3] = Default::default();
            let group = forms.iter().map(|form| form.operation(&context));
            let inner = log.clone();
            parallel_group(group.collect::<Vec<_>>())
                .wait(wait_for_all())
                .callback(move |order, _| inner.push(format!("{order:?}")));
            order.iter().for_each(|&n| forms[n].finish(1));
            context.run();
            assert_eq!(log.take(), format!("{order:?}"));
        }
    }

    fn one_thread_after_another<F: Form>() {
        for order in ORDERS {
            let (log, context) = (Log::new(), IoContext::new().unwrap());
            let forms: [F; 3] = Default::default();
            let [a, b, c] = forms.each_ref().map(|form| form.operation(&context));
            let inner = log.clone();
            parallel_group((a, b, c))
                .wait(wait_for_all())
                .callback(move |order, _| inner.push(format!("{order:?}")));
            for n in order {
                let form = forms[n].clone();
                thread::spawn(move || form.finish(1)).join().unwrap();
            }
            context.run();
            assert_eq!(log.take(), format!("{order:?}"));
        }
    }

    fn the_first_wins<F: Form>() {
        let context = IoContext::new().unwrap();
        let (a, b) = (F::default(), F::default());
        let won = Arc::new(Mutex::new(Vec::new()));
        let winner = Arc::clone(&won);
        parallel_group((a.operation(&context), b.operation(&context)))
            .wait(wait_for_one())
            .callback(move |order, _| winner.lock().unwrap().push(order[0]));
        b.finish(1);
        a.finish(1);
        context.run();

        let (a, b) = (F::default(), F::default());
        let winner = Arc::clone(&won);
        parallel_group(vec![a.operation(&context), b.operation(&context)])
            .wait(wait_for_one())
            .callback(move |order, _| winner.lock().unwrap().push(order[0]));
        b.finish(1);
        a.finish(1);
        context.restart();
        context.run();
        assert_eq!(*won.lock().unwrap(), [1, 1]);
    }

    fn nested<F: Form>() {
        let context = IoContext::new().unwrap();
        let forms: [F; 4] = Default::default();
        let [a, b, c, d] = forms.each_ref().map(|form| form.operation(&context));
        let inner = parallel_group((a, b)).wait(wait_for_all());
        let ranged = parallel_group(vec![c]).wait(wait_for_all());
        let mut future = Polled::new(parallel_group((inner, ranged, d)).wait(wait_for_all()));
        assert!(future.poll().is_pending());
        // The first of the inner group, and its second after all others.
        for n in [1, 3, 2, 0] {
            forms[n].finish(n as u32);
        }
        let std::task::Poll::Ready((order, ((inner, _), _, _))) = future.poll() else {
            panic!("all have completed");
        };
        assert_eq!((order, inner), ([2, 1, 0], [1, 0]));
    }
}

/// From one place, so that whatever a poll has on the stack is where it was the last time.
#[inline(never)]
fn poll_with<F: Future>(future: Pin<&mut F>, wakes: &Wakes) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&wakes.waker()))
}

#[test]
fn a_group_in_a_group_has_the_last_waker_of_several() {
    let context = IoContext::new().unwrap();
    let forms: [AsyncForm; 4] = Default::default();
    let [a, b, c, d] = forms.each_ref().map(|form| form.operation(&context));
    let inner = parallel_group((a, b)).wait(wait_for_all());
    let ranged = parallel_group(vec![c]).wait(wait_for_all());
    let all = parallel_group((inner, ranged, d)).wait(wait_for_all());
    let mut all = pin!(all);
    let wakes: [Wakes; 5] = Default::default();
    for wakes in &wakes {
        assert!(poll_with(all.as_mut(), wakes).is_pending());
    }
    let [.., last] = &wakes;
    for (n, form) in forms.iter().enumerate() {
        form.finish(1);
        while last.count() == n {
            context.restart();
            context.poll();
        }
        assert_eq!(poll_with(all.as_mut(), last).is_ready(), n == 3);
    }
    assert!(wakes[..4].iter().all(|wakes| wakes.count() == 0));
}

#[test]
fn of_timers_in_the_order_in_which_they_expire() {
    let context = TestContext::new();
    let timers = [3, 1, 2].map(|millis| {
        let timer = Timer::new(&context);
        timer.expires_after(Duration::from_millis(millis));
        timer
    });
    let [a, b, c] = &timers;
    let mut future =
        Polled::new(parallel_group((a.wait(), b.wait(), c.wait())).wait(wait_for_all()));
    assert!(future.poll().is_pending());
    context.advance(Duration::from_millis(3));
    assert_eq!(future.wakes(), 3);
    let std::task::Poll::Ready((order, _)) = future.poll() else {
        panic!("all have expired");
    };
    assert_eq!(order, [1, 2, 0]);
}

/// The one that waits completes before the one that has completed it.
#[test]
fn who_is_completed_by_another_that_starts() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, 0);
    let group = parallel_group((channel.receive(), channel.send(1))).wait(wait_for_all());
    assert_eq!(group.blocking().0, [0, 1]);
    let group = parallel_group((channel.send(1), channel.receive())).wait(wait_for_one());
    assert_eq!(group.blocking().0, [0, 1]);
}

#[test]
fn those_that_complete_at_once_do_so_as_they_are_started() {
    #[async_op]
    async fn async_now(_context: &IoExecutor) {}

    let context = IoContext::new().unwrap();
    let group = parallel_group((now(&context), now(&context), now(&context)));
    let mut future = Polled::new(group.async_wait(wait_for_all(), UseFuture));
    assert_eq!(
        future.poll(),
        std::task::Poll::Ready(([0, 1, 2], ((), (), ())))
    );
}

/// A request to stop comes after what was over before it.
#[test]
fn a_request_comes_after_what_is_over() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (late, form) = (Timer::new(&context), AsyncForm::default());
    late.expires_after(Duration::from_secs(3600));
    let signal = CancellationSignal::new();
    let inner = log.clone();
    parallel_group((late.wait(), form.operation(&context))).async_wait(
        wait_for_all(),
        bind_cancellation_slot(signal.slot(), move |order: [usize; 2], (late, n)| {
            let late: std::io::Result<()> = late;
            inner.push(format!("{order:?} {} {n}", late.is_ok()));
        }),
    );
    form.finish(7);
    signal.emit(async_op::cancel::CancellationType::TERMINAL);
    context.run();
    assert_eq!(log.take(), "[1, 0] false 7");
}

/// A wake that is for nothing gives no place in the order.
#[test]
fn wakes_for_nothing() {
    let context = IoContext::new().unwrap();
    // Looked at in between, or not: of several wakes the last one counts.
    for is_looked_at in [true, false] {
        let (a, b) = (AsyncForm::default(), AsyncForm::default());
        let group = parallel_group((a.operation(&context), b.operation(&context)));
        let mut future = Polled::new(group.async_wait(wait_for_all(), UseFuture));
        assert!(future.poll().is_pending());
        a.gate.wake();
        if is_looked_at {
            assert!(future.poll().is_pending());
            assert_eq!((a.gate.polls(), b.gate.polls()), (2, 1));
        }
        b.finish(2);
        a.finish(1);
        assert_eq!(future.poll(), std::task::Poll::Ready(([1, 0], (1, 2))));
    }
    // Nothing but a wake for nothing leaves it where it was.
    let forms: Vec<_> = (0..2).map(|_| AsyncForm::default()).collect();
    let group: Vec<_> = forms.iter().map(|form| form.operation(&context)).collect();
    let mut future = Polled::new(parallel_group(group).wait(wait_for_all()));
    assert!(future.poll().is_pending());
    forms[1].gate.wake();
    forms[1].gate.wake();
    assert!(future.poll().is_pending());
    forms[0].finish(1);
    forms[1].finish(1);
    let std::task::Poll::Ready((order, _)) = future.poll() else {
        panic!("both have completed");
    };
    assert_eq!(order, [0, 1]);
}

/// A member of a tuple is polled where it is woken, as those of a range are.
#[test]
fn a_tuple_is_polled_where_it_is_woken() {
    let context = IoContext::new().unwrap();
    let (a, b) = (AsyncForm::default(), AsyncForm::default());
    let group = parallel_group((a.operation(&context), b.operation(&context)));
    let mut future = Polled::new(group.async_wait(wait_for_all(), UseFuture));
    assert!(future.poll().is_pending());
    b.finish(2);
    assert!(future.poll().is_pending());
    a.finish(1);
    assert!(future.poll().is_ready());
    assert_eq!((a.gate.polls(), b.gate.polls()), (2, 2));
}

/// Threads that complete at once: each member has one place, and all are there.
#[test]
fn of_several_threads() {
    let pool = ThreadPool::new(2).unwrap();
    let context = IoContext::new().unwrap();
    for _ in 0..if cfg!(miri) { 2 } else { 50 } {
        let executor = pool.executor();
        let calls = (0..20).map(|n| post_call(&executor, move || n, Deferred));
        let group = parallel_group(calls.collect::<Vec<_>>()).wait(wait_for_all());
        let (order, numbers) = spawn(&context, group, async_op::Blocking);
        let mut places = order.clone();
        places.sort_unstable();
        assert_eq!(places, (0..20).collect::<Vec<_>>());
        assert_eq!(numbers, places);
    }
}

/// Each operation runs where its object does: what it posts, and what it completes.
#[test]
fn where_their_own_objects_do() {
    #[async_op]
    fn async_places(of: &IoExecutor, group: IoExecutor, op: Completion<fn([bool; 2])>) {
        let here = *of;
        post_on(of, move || {
            op.complete([here.runs_here(), group.runs_here()]);
        });
    }

    let (log, group, other) = (
        Log::new(),
        IoContext::new().unwrap(),
        IoContext::new().unwrap(),
    );
    let (on_group, on_other) = (group.executor(), other.executor());
    let call = move || [on_other.runs_here(), on_group.runs_here()];
    let spawned = async move { call() };
    let inner = log.clone();
    parallel_group((
        post_on(&group, Deferred),
        places(&other, group.executor()),
        post_call(&other, call, Deferred),
        spawn(&other, spawned, Deferred),
    ))
    .wait(wait_for_all())
    .callback(move |order, (_, a, b, c)| {
        assert!(on_group.runs_here());
        inner.push(format!("{order:?} {a:?} {b:?} {c:?}"));
    });
    while log_is_empty(&log) {
        other.restart();
        other.poll();
        group.restart();
        group.poll();
    }
    let there = "[true, false]";
    assert_eq!(log.take(), format!("[1, 2, 3, 0] {there} {there} {there}"));
}

fn log_is_empty(log: &Log) -> bool {
    let entries = log.take();
    if !entries.is_empty() {
        log.push(entries.clone());
    }
    entries.is_empty()
}

/// A body may await so many operations before others have their turn: no place in the order
/// depends on it.
#[test]
fn of_more_than_are_awaited_in_one_poll() {
    const COUNT: usize = 300;
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channels: Vec<Channel<u32>> = (0..COUNT).map(|_| Channel::new(&context, 0)).collect();
    let group: Vec<_> = channels.iter().map(|channel| channel.receive()).collect();
    let inner = log.clone();
    parallel_group(group)
        .wait(wait_for_all())
        .callback(move |order, _| {
            inner.push(format!("{}", order.into_iter().eq((0..COUNT).rev())));
        });
    for channel in channels.iter().rev() {
        channel.try_send(1).unwrap();
    }
    context.run();
    assert_eq!(log.take(), "true");
}

#[test]
fn after_much_has_been_awaited() {
    /// Starts a group, awaits `much` that is ready, and then the group.
    #[async_op]
    async fn async_busy(
        ready: &Channel<u32>,
        gate: &Channel<u32>,
        a: &Channel<u32>,
        b: &Channel<u32>,
        much: usize,
    ) -> [usize; 2] {
        let group = parallel_group((a.receive(), b.receive())).wait(wait_for_one());
        let mut group = pin!(group);
        poll_fn(|cx| {
            assert!(group.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        gate.receive().await.unwrap();
        for _ in 0..much {
            ready.send(1).await.unwrap();
        }
        group.await.0
    }

    for much in 100..140 {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let [ready, gate, a, b] = [much, 1, 0, 0].map(|n| Channel::new(&context, n));
        let inner = log.clone();
        async_busy(&ready, &gate, &a, &b, much, move |order: [usize; 2]| {
            inner.push(format!("{order:?}"));
        });
        for channel in [b, a, gate] {
            channel.try_send(1).unwrap();
        }
        context.run();
        assert_eq!(log.take(), "[1, 0]", "after {much}");
    }
}

/// Each of two threads completes two of them, while others look at the group.
#[test]
fn of_threads_beside_those_that_poll_it() {
    const ROUNDS: usize = if cfg!(any(miri, windows)) { 20 } else { 3_000 };
    without_hanging(|| {
        let pool = ThreadPool::new(2).unwrap();
        let executor = pool.executor();
        for round in 0..ROUNDS {
            let forms: Vec<AsyncForm> = (0..4).map(|_| AsyncForm::default()).collect();
            let group: Vec<_> = forms.iter().map(|form| form.operation(&executor)).collect();
            let (sender, receiver) = mpsc::channel();
            parallel_group(group)
                .wait(wait_for_all())
                .callback(move |order, _| sender.send(order).unwrap());
            let pairs = match round % 2 {
                0 => [[1, 0], [3, 2]],
                _ => [[0, 3], [1, 2]],
            };
            thread::scope(|scope| {
                for pair in pairs {
                    let forms = &forms;
                    scope.spawn(move || pair.map(|n| forms[n].finish(1)));
                }
            });
            let order: Vec<usize> = receiver.recv().unwrap();
            for pair in pairs {
                let [first, second] = pair.map(|n| order.iter().position(|&other| other == n));
                assert!(first < second, "{order:?} in round {round}");
            }
        }
        pool.join();
    });
}

#[test]
fn three_deep() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let forms: [HandlerForm; 6] = Default::default();
    let [a, b, c, d, e, f] = forms.each_ref().map(|form| form.operation(&context));
    let innermost = parallel_group((a, b)).wait(wait_for_one());
    let middle = parallel_group((innermost, c)).wait(wait_for_all());
    let ranged = parallel_group(vec![d, e]).wait(wait_for_all());
    let inner = log.clone();
    parallel_group((middle, ranged, f))
        .wait(wait_for_all())
        .callback(
            move |order, ((middle, ((innermost, _), _)), (ranged, _), _)| {
                inner.push(format!("{order:?} {middle:?} {innermost:?} {ranged:?}"));
            },
        );
    for n in [4, 1, 5, 0, 3, 2] {
        forms[n].finish(1);
    }
    context.run();
    assert_eq!(log.take(), "[2, 1, 0] [0, 1] [1, 0] [1, 0]");
}

/// One that is bound to an executor has completed when that has said so.
#[test]
fn of_members_that_complete_elsewhere() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let [x, y] = ["x", "y"].map(|name| Manual::new(name, &log));
    let forms: [HandlerForm; 2] = Default::default();
    let [a, b] = forms.each_ref().map(|form| form.operation(&context));
    let a = a.with(bind_executor(x.clone(), Deferred));
    let b = b.with(bind_executor(y.clone(), Deferred));
    let mut group = Polled::new(parallel_group((a, b)).wait(wait_for_one()));
    assert!(group.poll().is_pending());
    forms.iter().for_each(|form| form.finish(1));
    assert_eq!((y.run(), x.run()), (1, 1));
    assert_eq!(group.ready().0, [1, 0]);
}
