//! Executors of any type, in place, and their work; post, dispatch and defer.

use async_op::executor::{
    AnyExecutor, InlineOr, WorkGuard, defer_call, defer_on, dispatch, dispatch_call, dispatch_on,
    post, post_call,
};
use async_op::task::Task;
use async_op::{Executor, Handler, IoContext, UseFuture, bind_executor, post_on};
use async_op_tests::{CountingHeap, Log, Manual, Polled, Probe, Recorder, heap_allocations_here};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// An executor too large to be held in place.
#[derive(Clone, PartialEq)]
struct Large(Manual, [usize; 8]);

impl Executor for Large {
    fn post(&self, task: Task) {
        self.0.post(task);
    }

    fn work_started(&self) {
        self.0.work_started();
    }

    fn work_finished(&self) {
        self.0.work_finished();
    }
}

#[test]
fn equal_when_type_and_executor_are() {
    let log = Log::new();
    let (a, b) = (Manual::new("a", &log), Manual::new("b", &log));
    let any = AnyExecutor::new(a.clone());
    assert!(any == AnyExecutor::new(a.clone()) && any == any.clone());
    assert!(any != AnyExecutor::new(b));
    assert!(any != AnyExecutor::new(InlineOr(a.clone())));
    let large = AnyExecutor::new(Large(a.clone(), [1; 8]));
    assert!(large == large.clone());
    assert!(large != AnyExecutor::new(Large(a, [2; 8])));
}

#[test]
fn large_ones_do_all_that_small_ones_do() {
    let log = Log::new();
    let home = Manual::new("home", &log);
    let any = AnyExecutor::new(Large(home.clone(), [1; 8]));
    let guard = WorkGuard::new(any.clone());
    assert_eq!(home.work(), 1);
    let (inner, nested) = (log.clone(), AnyExecutor::new(any.clone()));
    nested.post(Task::new(move || inner.push("run")));
    drop((any, nested));
    drop(guard);
    assert_eq!((home.work(), home.run()), (0, 1));
    assert_eq!(log.take(), "post:home run");
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn posting_through_any_allocates_nothing() {
    let context = IoContext::new().unwrap();
    let any = AnyExecutor::new(context.executor());
    let mut before = 0;
    for _ in 0..3 {
        before = heap_allocations_here();
        for _ in 0..100 {
            any.clone().post(Task::new(|| ()));
        }
        assert_eq!(context.run(), 100);
        context.restart();
    }
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
fn in_place_or_posted() {
    let log = Log::new();
    let home = Manual::new("home", &log);
    let inline = InlineOr(home.clone());
    let note = |entry: &'static str| {
        let log = log.clone();
        Task::new(move || log.push(entry))
    };
    inline.dispatch(note("dispatched"));
    inline.post(note("posted"));
    inline.defer(note("deferred"));
    assert_eq!(log.take(), "dispatched post:home post:home");
    assert_eq!(home.run(), 2);
    assert!(inline == InlineOr(home));
}

#[test]
fn guards_count() {
    let home = Manual::new("home", &Log::new());
    let mut guard = WorkGuard::new(home.clone());
    let clone = guard.clone();
    assert_eq!(home.work(), 2);
    guard.reset();
    guard.reset();
    assert!(!guard.owns_work() && guard.executor().is_none());
    assert!(!guard.clone().owns_work());
    assert_eq!(home.work(), 1);
    drop((guard, clone));
    assert_eq!(home.work(), 0);
}

#[test]
fn by_way_of_one_executor_to_another_in_one_block() {
    let log = Log::new();
    let recorder = Recorder::new(&log);
    let (way, home) = (Manual::new("way", &log), Manual::new("home", &log));
    let probe = || {
        Probe::calling(&log, |(): ()| {})
            .allocating(&recorder)
            .on(home.clone())
    };
    post_on(&way, Handler(probe()));
    assert_eq!(home.work(), 1);
    assert_eq!((way.run(), home.run()), (1, 1));
    assert_eq!(log.take(), "A0 post:way post:home D0 call");
    defer_on(&way, Handler(probe()));
    drop(way.pop());
    assert_eq!(log.take(), "A1 post:way D1 drop");
    assert_eq!(home.work(), 0);
    // To its own alone, there is one hop.
    post_on(&home, Handler(probe()));
    post(Handler(probe()));
    home.run();
    assert_eq!(log.take(), "A2 post:home A3 post:home D2 call D3 call");
    recorder.assert_balanced();
}

#[test]
fn dispatched_where_it_may_run() {
    let log = Log::new();
    let recorder = Recorder::new(&log);
    let home = Manual::new("home", &log);
    let (inside, inner, memory) = (home.clone(), log.clone(), recorder.clone());
    post_on(&home, move || {
        let probe = Probe::calling(&inner, |(): ()| {}).allocating(&memory);
        dispatch_on(&inside, Handler(probe));
        let probe = Probe::calling(&inner, |(): ()| {}).allocating(&memory);
        dispatch(bind_executor(inside.clone(), Handler(probe)));
        inner.push("end");
    });
    home.run();
    // Without a block.
    assert_eq!(log.take(), "post:home call call end");
    dispatch_on(&home, || {});
    assert_eq!(log.take(), "post:home");
    home.run();
    recorder.assert_balanced();
}

#[test]
fn functions_are_called_on_the_executor() {
    let log = Log::new();
    let (way, home) = (Manual::new("way", &log), Manual::new("home", &log));
    for start in 0..3 {
        let here = way.clone();
        let function = move || u32::from(here.runs_here());
        let token = bind_executor(home.clone(), |n: u32| assert_eq!(n, 1));
        match start {
            0 => post_call(&way, function, token),
            1 => dispatch_call(&way, function, token),
            _ => defer_call(&way, function, token),
        }
        assert_eq!((way.run(), home.run()), (1, 1));
        assert_eq!(log.take(), "post:way post:home");
    }
    let mut hosted = Polled::new(post_on(&way, UseFuture));
    assert!(hosted.poll().is_pending());
    way.run();
    assert_eq!(hosted.wakes(), 1);
    assert!(hosted.poll().is_ready());
}
