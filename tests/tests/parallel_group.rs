//! `parallel_group`: several operations as one.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType, cancelled};
use async_op::group::{
    parallel_group, wait_for_all, wait_for_one, wait_for_one_error, wait_for_one_success,
};
use async_op::sync::Channel;
use async_op::time::Timer;
use async_op::{
    Blocking, Completion, Handler, IoContext, IoExecutor, UseFuture, async_op,
    bind_cancellation_slot, cancel_after, is_cancelled, is_timeout, post_on, spawn,
};
use async_op_tests::{
    AsyncForm, CountingHeap, Form, HandlerForm, Log, Polled, Probe, Recorder, Slot, both_forms,
    heap_allocations_here, short_wait,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const LATE: Duration = Duration::from_secs(3600);
const TERMINAL: CancellationType = CancellationType::TERMINAL;
const PARTIAL: CancellationType = CancellationType::PARTIAL;

fn never(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(LATE);
    timer
}

fn outcome_of<T>(result: &io::Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) if is_timeout(error) => "timeout",
        Err(error) if is_cancelled(error) => "cancelled",
        Err(_) => "error",
    }
}

/// Handler form: kept until the test completes it; notes what it is asked, and
/// stops for a terminal request.
#[async_op]
fn async_keep(_context: &IoExecutor, kept: Kept, op: Completion<fn(io::Result<u32>)>) {
    let weak = Arc::downgrade(&kept.op);
    let log = kept.log.clone();
    op.on_cancel(move |kind| {
        log.push(format!("{kind:?}"));
        if !kind.contains(TERMINAL) {
            return;
        }
        let op = weak.upgrade().and_then(|op| op.lock().unwrap().take());
        if let Some(op) = op {
            op.complete(Err(cancelled()));
        }
    });
    *kept.op.lock().unwrap() = Some(op);
    kept.log.push("started");
}

#[derive(Clone, Default)]
struct Kept {
    #[allow(clippy::type_complexity, reason = "once")]
    op: Arc<Mutex<Option<Completion<fn(io::Result<u32>)>>>>,
    log: Log,
}

impl Kept {
    fn new(log: &Log) -> Self {
        Self {
            op: Arc::default(),
            log: log.clone(),
        }
    }

    fn complete(&self, result: io::Result<u32>) {
        let op = self.op.lock().unwrap().take();
        op.expect("it is outstanding").complete(result);
    }
}

both_forms! {
    fn all_are_waited_for_in_any_order<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (a, b, c) = (F::default(), F::default(), F::default());
        let inner = log.clone();
        let group = (a.operation(&context), b.operation(&context), c.operation(&context));
        parallel_group(group).wait(wait_for_all()).callback(move |order, (a, b, c)| {
            inner.push(format!("{order:?} {a} {b} {c}"));
        });
        c.finish(3);
        a.finish(1);
        context.poll();
        assert_eq!(log.take(), "");
        b.finish(2);
        context.run();
        assert_eq!(log.take(), "[2, 0, 1] 1 2 3");
    }

    fn a_range_says_in_which_order<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let forms: Vec<_> = (0..5).map(|_| F::default()).collect();
        let inner = log.clone();
        let group: Vec<_> = forms.iter().map(|form| form.operation(&context)).collect();
        parallel_group(group).wait(wait_for_all()).callback(move |order, outputs| {
            inner.push(format!("{order:?} {outputs:?}"));
        });
        for n in [3, 0, 4, 1, 2] {
            forms[n].finish(n as u32 * 10);
            context.poll();
        }
        context.run();
        assert_eq!(log.take(), "[3, 0, 4, 1, 2] [0, 10, 20, 30, 40]");
    }

    fn memory_has_gone_back_before_the_handler<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let memory = Recorder::new(&log);
        let (a, b) = (F::default(), F::default());
        let group = parallel_group((a.operation(&context), b.operation(&context)));
        let probe = Probe::calling(&log, |(order, (a, b)): ([usize; 2], (u32, u32))| {
            assert_eq!((order, a, b), ([0, 1], 1, 2));
        });
        group.async_wait(wait_for_all(), Handler(probe.allocating(&memory)));
        // The group, and the slot of each operation in handler form.
        let is_handler_form = F::NAMES == HandlerForm::NAMES;
        assert_eq!(memory.live(), if is_handler_form { 3 } else { 1 });
        a.finish(1);
        b.finish(2);
        context.run();
        let expected = if is_handler_form { "A0 A1 A2 D1 D2 D0 call" } else { "A0 D0 call" };
        assert_eq!(log.take(), expected);
        memory.assert_balanced();
    }

    fn an_abandoned_member<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let memory = Recorder::new(&log);
        let (a, b) = (F::default(), F::default());
        let group = parallel_group((a.operation(&context), b.operation(&context)));
        let probe = Probe::calling(&log, |_: ([usize; 2], (u32, u32))| {});
        group.async_wait(wait_for_all(), Handler(probe.allocating(&memory)));
        // The context goes, and with it the group that it can reach.
        a.finish(1);
        drop(context);
        assert!(log.take().ends_with("D0 drop"));
        // A slot stays with the `Completion` that is held here.
        drop(b);
        memory.assert_balanced();
    }
}

#[test]
fn one_of_them() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let kept = Kept::new(&log);
    let (soon, late) = (Timer::new(&context), never(&context));
    let group = parallel_group((late.wait(), soon.wait(), keep(&context, kept.clone())));
    let (order, (a, b, c)) = group.wait(wait_for_one()).blocking();
    assert_eq!(order, [1, 0, 2]);
    assert_eq!(
        [outcome_of(&a), outcome_of(&b), outcome_of(&c)],
        ["cancelled", "ok", "cancelled"]
    );
    // All are started before any is asked.
    assert_eq!(log.take(), "started {terminal, partial, total}");
}

#[test]
fn one_success_or_one_error() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let kept = || [Kept::new(&log), Kept::new(&log), Kept::new(&log)];
    let group = |kept: &[Kept; 3]| {
        let [a, b, c] = kept.clone().map(|kept| keep(&context, kept));
        parallel_group((a, b, c))
    };
    let outcomes = |log: &Log| {
        let log = log.clone();
        move |order: [usize; 3], results: (io::Result<_>, io::Result<_>, io::Result<u32>)| {
            let (a, b, c) = (&results.0, &results.1, &results.2);
            log.push(format!(
                "{order:?} {} {} {}",
                outcome_of(a),
                outcome_of(b),
                outcome_of(c)
            ));
        }
    };
    let fails = || Err(io::Error::other("on purpose"));

    let all = kept();
    group(&all).async_wait(wait_for_one_success(), outcomes(&log));
    assert_eq!(log.take(), "started started started");
    all[1].complete(fails());
    context.poll();
    assert_eq!(log.take(), "");
    all[2].complete(Ok(1));
    context.run();
    assert_eq!(
        log.take(),
        "{terminal, partial, total} [1, 2, 0] cancelled error ok"
    );

    let all = kept();
    group(&all).async_wait(wait_for_one_error(), outcomes(&log));
    assert_eq!(log.take(), "started started started");
    all[1].complete(Ok(1));
    context.restart();
    context.poll();
    assert_eq!(log.take(), "");
    all[2].complete(fails());
    context.run();
    assert_eq!(
        log.take(),
        "{terminal, partial, total} [1, 2, 0] cancelled ok error"
    );

    // Asked for less, those that are outstanding may go on.
    let all = kept();
    let condition = wait_for_one().asking_for(PARTIAL);
    group(&all).async_wait(condition, outcomes(&log));
    log.take();
    all[0].complete(Ok(1));
    context.restart();
    context.poll();
    assert_eq!(log.take(), "{partial} {partial}");
    all[1].complete(Ok(1));
    all[2].complete(Ok(1));
    context.run();
    assert_eq!(log.take(), "[0, 1, 2] ok ok ok");
}

#[test]
fn a_range_of_which_one_is_wanted() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, 0);
    let group: Vec<_> = (0..50).map(|_| channel.receive()).collect();
    let wait = parallel_group(group).wait(wait_for_one_success());
    channel.send(7).detach();
    let (order, results) = wait.blocking();
    assert_eq!(results[0].as_ref().unwrap(), &7);
    assert_eq!(order, (0..50).collect::<Vec<_>>());
    assert!(
        results[1..]
            .iter()
            .all(|result| outcome_of(result) == "cancelled")
    );
}

#[test]
fn requests_reach_those_that_are_outstanding() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (a, b, c) = (Kept::new(&log), Kept::new(&log), Kept::new(&log));
    let signal = CancellationSignal::new();
    let inner = log.clone();
    let group = parallel_group((keep(&context, a.clone()), keep(&context, b.clone())));
    group.async_wait(
        wait_for_all(),
        bind_cancellation_slot(
            signal.slot(),
            move |_: [usize; 2], (a, b): (io::Result<u32>, io::Result<u32>)| {
                inner.push(format!("{} {}", outcome_of(&a), outcome_of(&b)));
            },
        ),
    );
    log.take();
    a.complete(Ok(1));
    context.poll();
    signal.emit(PARTIAL);
    context.poll();
    assert_eq!(log.take(), "{partial}");
    drop((b, c));
    // Nobody holds the other: it is abandoned, and so is the group.
    drop(context);
    assert_eq!(log.take(), "");
}

#[test]
fn limits_on_time_and_groups_nest() {
    let context = IoContext::new().unwrap();
    let (one, two) = (never(&context), never(&context));
    let inner = parallel_group((
        one.wait(),
        two.wait().cancel_after(Duration::from_millis(1)),
    ));
    let outer = parallel_group((inner.wait(wait_for_all()), one.wait()));
    // Long after the other, on a machine that is busy, too.
    let limit = cancel_after(Duration::from_millis(500), Blocking);
    let (order, ((inner_order, (a, b)), c)) = outer.async_wait(wait_for_all(), limit);
    assert_eq!((order, inner_order), ([0, 1], [1, 0]));
    assert_eq!(
        [outcome_of(&a), outcome_of(&b), outcome_of(&c)],
        ["cancelled", "timeout", "cancelled"]
    );
    // Asio's `timeout` by hand: a group of an operation and a timer.
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_millis(1));
    let (order, _) = parallel_group((one.wait(), timer.wait()))
        .wait(wait_for_one())
        .blocking();
    assert_eq!(order, [1, 0]);
}

#[test]
fn borrowed_buffers_and_awaited_groups() {
    #[async_op]
    async fn async_fill(_context: &IoExecutor, buffer: &mut [u8], with: u8) -> usize {
        buffer.fill(with);
        buffer.len()
    }

    let context = IoContext::new().unwrap();
    let (mut a, mut b) = ([0; 3], [0; 4]);
    let group = parallel_group((fill(&context, &mut a, 1), fill(&context, &mut b, 2)));
    let mut future = Polled::new(group.async_wait(wait_for_all(), UseFuture));
    assert_eq!(future.poll(), Poll::Ready(([0, 1], (3, 4))));
    drop(future);
    assert_eq!((a, b), ([1; 3], [2; 4]));
}

#[test]
fn none_at_all() {
    let context = IoContext::new().unwrap();
    let mut none = vec![Timer::new(&context).wait()];
    none.clear();
    let (order, results) = parallel_group(none).wait(wait_for_one()).blocking();
    assert!(order.is_empty() && results.is_empty());
}

#[test]
fn a_dropped_group_drops_its_members() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let (timer, kept) = (never(&context), Kept::new(&log));
    let group = parallel_group((timer.wait(), keep(&context, kept.clone())));
    let mut future = Polled::new(group.wait(wait_for_all()));
    assert!(future.poll().is_pending());
    assert_eq!(future.drop_future().counts().1, 0);
    assert_eq!(timer.cancel(), 0);
    assert_eq!(log.take(), "started {terminal}");

    let group: Vec<_> = (0..3).map(|_| timer.wait()).collect();
    let mut future = Polled::new(parallel_group(group).wait(wait_for_all()));
    assert!(future.poll().is_pending());
    assert_eq!(future.drop_future().counts(), (0, 0));
    assert_eq!(timer.cancel(), 0);
}

#[test]
fn a_range_is_polled_where_it_is_woken() {
    let context = IoContext::new().unwrap();
    let forms: Vec<_> = (0..20).map(|_| AsyncForm::default()).collect();
    let group: Vec<_> = forms.iter().map(|form| form.operation(&context)).collect();
    let mut future = Polled::new(parallel_group(group).wait(wait_for_all()));
    assert!(future.poll().is_pending());
    for (done, form) in forms.iter().enumerate() {
        assert_eq!(future.wakes(), done);
        form.finish(1);
        assert_eq!(future.poll().is_ready(), done == 19);
    }
    assert!(forms.iter().all(|form| form.gate.polls() == 2));
}

#[test]
fn a_range_that_nobody_wakes_any_more_is_destroyed() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let forms: Vec<_> = (0..3).map(|_| AsyncForm::default()).collect();
    let group: Vec<_> = forms.iter().map(|form| form.operation(&context)).collect();
    let probe = Probe::calling(&log, |_: (Vec<usize>, Vec<u32>)| {});
    parallel_group(group).async_wait(wait_for_all(), Handler(probe.allocating(&memory)));
    forms.iter().for_each(Form::abandon);
    context.run();
    assert!(log.take().ends_with("D0 drop"));
    memory.assert_balanced();
}

#[test]
fn a_range_moves_from_task_to_task() {
    let context = IoContext::new().unwrap();
    let forms: Vec<_> = (0..3).map(|_| AsyncForm::default()).collect();
    let group: Vec<_> = forms.iter().map(|form| form.operation(&context)).collect();
    let mut group = Box::pin(parallel_group(group).wait(wait_for_all()));
    let mut first = Polled::new(std::future::poll_fn(|cx| group.as_mut().poll(cx)));
    assert!(first.poll().is_pending());
    assert_eq!(first.drop_future().counts(), (0, 3));
    let mut second = Polled::new(group);
    assert!(second.poll().is_pending());
    for (n, form) in (1..).zip(&forms) {
        form.finish(1);
        assert_eq!((second.wakes(), second.poll().is_ready()), (n, n == 3));
    }
}

#[test]
fn memory_of_a_range() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let forms: Vec<_> = (0..4).map(|_| AsyncForm::default()).collect();
    let group: Vec<_> = forms.iter().map(|form| form.operation(&context)).collect();
    let probe = Probe::calling(&log, |(_, numbers): (Vec<usize>, Vec<u32>)| {
        assert_eq!(numbers, [7; 4]);
    });
    let token = Handler(probe.allocating(&memory));
    parallel_group(group).async_wait(wait_for_all(), token);
    // The group, its list, and each operation.
    assert_eq!((memory.live(), memory.allocations()), (6, 6));
    forms.iter().for_each(|form| form.finish(7));
    context.run();
    assert!(log.take().ends_with("D0 call"));
    memory.assert_balanced();
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_group_from_one_block_and_without_the_heap() {
    let (context, slot) = (IoContext::new().unwrap(), Slot::new());
    let (soon, late) = (Timer::new(&context), never(&context));
    let mut before = 0;
    for round in 0..30 {
        if round == 10 {
            before = heap_allocations_here();
        }
        soon.expires_after(short_wait(round));
        let group = parallel_group((late.wait(), soon.wait()));
        let token = async_op::bind_allocator(
            slot.clone(),
            |order: [usize; 2], (late, _): (io::Result<()>, io::Result<()>)| {
                assert_eq!(order, [1, 0]);
                assert!(is_cancelled(&late.unwrap_err()));
            },
        );
        group.async_wait(wait_for_one(), token);
        context.restart();
        context.run();
    }
    assert_eq!(heap_allocations_here() - before, 0);
    assert_eq!((slot.allocations(), slot.in_use()), (30, false));
}

#[test]
fn in_a_frame_and_on_several_threads() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    let total = Arc::new(Mutex::new(0));
    for _ in 0..50 {
        let inner = Arc::clone(&total);
        let body = async move {
            let posts: Vec<_> = (0..20)
                .map(|n| async_op::executor::post_call(&executor, move || n, async_op::Deferred))
                .collect();
            let (_, numbers) = parallel_group(posts).wait(wait_for_all()).await;
            *inner.lock().unwrap() += numbers.iter().sum::<u32>();
        };
        spawn(&context, body, |()| {});
    }
    post_on(&context, || {});
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| context.run());
        }
    });
    assert_eq!(*total.lock().unwrap(), 50 * 190);
}
