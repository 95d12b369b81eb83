//! Spawned futures, boxes and scopes: whose memory it is, to the letter.

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use allocator_api2::vec::Vec;
use async_op::alloc::{AllocError, Allocator};
use async_op::executor::post_call;
use async_op::task::{FrameBox, run_in, spawn_with};
use async_op::{
    Completion, Handler, IoContext, IoExecutor, UseFuture, async_op, bind_allocator, post_on,
    spawn, this_op,
};
use async_op_tests::{Gate, Hold, Log, Manual, Polled, Probe, Recorder};

fn world() -> (Log, IoContext, Recorder) {
    let log = Log::new();
    let recorder = Recorder::new(&log);
    (log, IoContext::new().unwrap(), recorder)
}

#[async_op]
fn async_hosted(_context: &IoExecutor, hold: Hold, op: Completion<fn(u32)>) {
    hold.put(op);
}

#[test]
fn a_spawned_future_has_one_block() {
    let (log, context, recorder) = world();
    let gate = Gate::default();
    let inside = gate.clone();
    let probe = Probe::new(&log).allocating(&recorder);
    spawn(&context, async move { inside.wait().await }, Handler(probe));
    assert_eq!((log.take().as_str(), gate.polls()), ("A0", 0));
    context.poll();
    gate.open(1);
    context.run();
    assert_eq!(log.take(), "D0 call");
    recorder.assert_balanced();
}

#[test]
fn with_a_handler_on_another_executor_too() {
    let (log, context, recorder) = world();
    let home = Manual::new("home", &log);
    let probe = Probe::new(&log).allocating(&recorder).on(home.clone());
    spawn(&context, async { 1 }, Handler(probe));
    assert_eq!(home.work(), 1);
    context.run();
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "A0 post:home D0 call");
    assert_eq!(home.work(), 0);
    let probe = Probe::new(&log).allocating(&recorder).on(home.clone());
    post_call(&context, || 1, Handler(probe));
    context.restart();
    context.run();
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "A1 post:home D1 call");
    let probe = Probe::calling(&log, |(): ()| {})
        .allocating(&recorder)
        .on(home.clone());
    post_on(&context, Handler(probe));
    assert_eq!(home.work(), 1);
    context.restart();
    context.run();
    assert_eq!(home.run(), 1);
    assert_eq!(
        (log.take().as_str(), home.work()),
        ("A2 post:home D2 call", 0)
    );
    recorder.assert_balanced();
}

#[test]
fn what_is_awaited_inside_uses_the_same_allocator() {
    let (log, context, recorder) = world();
    let (hold, executor) = (Hold::default(), context.executor());
    let inside = hold.clone();
    let probe = Probe::new(&log).allocating(&recorder);
    spawn(
        &context,
        async move { hosted(&executor, inside).await },
        Handler(probe),
    );
    context.poll();
    assert_eq!(log.take(), "A0 A1");
    hold.take().unwrap().complete(1);
    context.run();
    assert_eq!(log.take(), "D1 D0 call");
    recorder.assert_balanced();
}

#[test]
fn what_is_made_on_the_executor_uses_it_too() {
    let (log, context, recorder) = world();
    let probe = Probe::new(&log).allocating(&recorder);
    spawn_with(&context, Handler(probe), || FrameBox::new(async { 1 }));
    assert_eq!(log.take(), "A0");
    context.run();
    assert_eq!(log.take(), "A1 D1 D0 call");
    recorder.assert_balanced();
}

fn depth(gate: Gate, n: u32) -> FrameBox<'static, u32> {
    FrameBox::new(async move {
        match n {
            1 => gate.wait().await,
            _ => depth(gate, n - 1).await + 1,
        }
    })
}

#[test]
fn recursion_is_last_in_first_out_on_whichever_thread() {
    let (log, context, recorder) = world();
    let gate = Gate::default();
    let inside = gate.clone();
    let probe = Probe::calling(&log, |(n,): (u32,)| assert_eq!(n, 3));
    let probe = probe.allocating(&recorder);
    spawn(
        &context,
        async move { depth(inside, 3).await },
        Handler(probe),
    );
    context.poll();
    assert_eq!(log.take(), "A0 A1 A2 A3");
    gate.open(1);
    thread::scope(|scope| scope.spawn(|| context.run()).join().unwrap());
    assert_eq!(log.take(), "D3 D2 D1 D0 call");
    recorder.assert_balanced();
}

#[test]
fn a_part_in_another_allocator() {
    let log = Log::new();
    let (outer, inner) = (Recorder::named("o", &log), Recorder::named("i", &log));
    let context = IoContext::new().unwrap();
    let (gate, second) = (Gate::default(), inner.clone());
    let inside = gate.clone();
    let probe = Probe::new(&log).allocating(&outer);
    spawn(
        &context,
        async move {
            FrameBox::new(async {}).await;
            let n = run_in(second, async { depth(inside, 1).await }).await;
            FrameBox::new(async {}).await;
            n
        },
        Handler(probe),
    );
    context.poll();
    assert_eq!(log.take(), "oA0 oA1 oD1 iA0");
    gate.open(1);
    thread::scope(|scope| scope.spawn(|| context.run()).join().unwrap());
    assert_eq!(log.take(), "iD0 oA2 oD2 oD0 call");
    // Dropped while it waits.
    let mut part = Polled::new(run_in(inner.clone(), async {
        depth(Gate::default(), 1).await
    }));
    assert!(part.poll().is_pending());
    drop(part);
    assert_eq!(log.take(), "iA1 iD1");
    outer.assert_balanced();
    inner.assert_balanced();
}

#[test]
fn a_part_that_is_over_leaves_its_allocator_alone() {
    let (clones, log) = (Arc::new(AtomicUsize::new(0)), Log::new());
    let count = || clones.load(Ordering::Relaxed);
    let allocator = Cloned(Recorder::new(&log), Arc::clone(&clones));
    let mut part = Polled::new(run_in(allocator.clone(), async {}));
    part.ready();
    let before = count();
    part.drop_future();
    assert_eq!(count(), before);
    // One that is not over shows it to what it drops.
    let inside = FrameBox::new(async {});
    let part = run_in(allocator.clone(), async {
        inside.await;
    });
    let before = count();
    drop(part);
    assert!(count() > before);
}

/// An allocator whose clones are counted.
struct Cloned(Recorder, Arc<AtomicUsize>);

impl Clone for Cloned {
    fn clone(&self) -> Self {
        self.1.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone(), Arc::clone(&self.1))
    }
}

// SAFETY: hands everything on to an allocator that keeps the contract.
unsafe impl Allocator for Cloned {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.deallocate(memory, layout) };
    }
}

#[test]
fn a_panic_in_a_poll_restores_the_scope() {
    let (log, context, recorder) = world();
    let probe = Probe::new(&log).allocating(&recorder);
    spawn(&context, async { panic!("on purpose") }, Handler(probe));
    catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
    assert_eq!(log.take(), "A0 D0 drop");
    // Outside any: nothing is recorded.
    pollster::block_on(FrameBox::new(async {}));
    assert_eq!(log.take(), "");
    recorder.assert_balanced();
}

#[test]
fn a_panic_in_the_handler_finds_all_returned() {
    let (log, context, recorder) = world();
    let probe = Probe::calling(&log, |_: (u32,)| panic!("on purpose"));
    spawn(&context, async { 1 }, Handler(probe.allocating(&recorder)));
    catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
    assert_eq!(log.take(), "A0 D0 call");
    recorder.assert_balanced();
    pollster::block_on(FrameBox::new(async {}));
    assert_eq!(log.take(), "");
}

#[test]
fn nested_pollers_restore_the_scope() {
    let log = Log::new();
    let (outer, inner) = (Recorder::named("o", &log), Recorder::named("i", &log));
    let (one, two) = (IoContext::new().unwrap(), IoContext::new().unwrap());
    let other = Probe::new(&log).allocating(&inner);
    let probe = Probe::new(&log).allocating(&outer);
    let gate = Gate::default();
    let inside = gate.clone();
    spawn(
        &one,
        async move {
            spawn(&two, async move { depth(inside, 1).await }, Handler(other));
            two.poll();
            FrameBox::new(async {}).await;
            gate.open(1);
            two.run();
            pollster::block_on(FrameBox::new(async {}));
            1
        },
        Handler(probe),
    );
    one.run();
    assert_eq!(
        log.take(),
        "oA0 iA0 iA1 oA1 oD1 iD1 iD0 call oA2 oD2 oD0 call"
    );
    outer.assert_balanced();
    inner.assert_balanced();
}

#[test]
fn a_box_that_is_moved_out_is_its_new_owners() {
    let (log, context, recorder) = world();
    let (sender, receiver) = std::sync::mpsc::channel();
    let probe = Probe::new(&log).allocating(&recorder);
    spawn(
        &context,
        async move {
            sender.send(FrameBox::new(async { 2 })).unwrap();
            1
        },
        Handler(probe),
    );
    context.run();
    assert_eq!(log.take(), "A0 A1 D0 call");
    let moved = receiver.recv().unwrap();
    assert_eq!(
        thread::spawn(|| pollster::block_on(moved)).join().unwrap(),
        2
    );
    assert_eq!(log.take(), "D1");
    recorder.assert_balanced();
}

#[test]
fn buffers_from_the_completion() {
    #[async_op]
    fn async_buffers(_context: &IoExecutor, hold: Hold, several: bool, op: Completion<fn(u32)>) {
        let node = Vec::<u8, _>::with_capacity_in(64, op.allocator());
        if several {
            let big = Vec::<u8, _>::with_capacity_in(4096, op.allocator());
            drop(big);
        } else {
            drop(node);
            drop(Vec::<u8, _>::with_capacity_in(4096, op.allocator()));
        }
        hold.put(op);
    }

    let (log, context, recorder) = world();
    for (several, expected) in [(true, "A0 A1 A2 D2 D1"), (false, "A3 A4 D4 A5 D5")] {
        let hold = Hold::default();
        let probe = Probe::new(&log).allocating(&recorder);
        async_buffers(&context, hold.clone(), several, Handler(probe));
        assert_eq!(log.take(), expected);
        hold.take().unwrap().complete(1);
        context.run();
        context.restart();
        assert!(log.take().ends_with("call"));
    }
    recorder.assert_balanced();
    // Hosted, from the scope.
    let hold = Hold::default();
    let token = bind_allocator(recorder.clone(), UseFuture);
    let mut hosted = Polled::new(async_buffers(&context, hold.clone(), true, token));
    assert!(hosted.poll().is_pending());
    hold.take().unwrap().complete(2);
    assert_eq!(hosted.poll(), Poll::Ready(2));
    assert_eq!(log.take(), "A6 A7 A8 D8 D7 D6");
    drop(hosted);
    recorder.assert_balanced();
}

#[test]
fn the_executor_of_a_body_is_where_it_is_polled() {
    let (_, context, _) = world();
    let expected = async_op::executor::AnyExecutor::new(context.executor());
    spawn(&context, async { this_op::executor() }, move |executor| {
        let executor: async_op::executor::AnyExecutor = executor;
        assert!(executor == expected);
    });
    assert!(context.run() > 0);
}
