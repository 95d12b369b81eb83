//! Guarantee 3: memory from the associated allocator is returned before the
//! handler is called, and before it is dropped uncalled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use async_op::net::TcpStream;
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Completion, Handler, IoContext, IoExecutor, UseFuture, async_op};
use async_op_tests::{
    Alive, AsyncForm, Form, HandlerForm, Log, Manual, Probe, Recorder, both_forms,
};

both_forms! {
    fn completed_at_once<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        F::start_now(&context, Probe::new(&log).allocating(&recorder));
        log.push("initiated");
        context.run();
        assert_eq!(log.take(), "A0 initiated D0 call");
        recorder.assert_balanced();
    }

    fn completed_later<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&context, Probe::new(&log).allocating(&recorder));
        log.push("initiated");
        form.finish(1);
        log.push("completed");
        context.run();
        assert_eq!(log.take(), "A0 initiated completed D0 call");
        recorder.assert_balanced();
    }

    fn completed_on_another_thread<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&context, Probe::new(&log).allocating(&recorder));
        thread::scope(|scope| {
            scope.spawn(|| form.finish(1)).join().unwrap();
            scope.spawn(|| assert_eq!(context.run(), 1)).join().unwrap();
        });
        assert_eq!(log.take(), "A0 D0 call");
        recorder.assert_balanced();
    }

    fn completed_by_way_of_a_foreign_immediate_executor<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let (home, first) = (Manual::new("home", &log), Manual::new("first", &log));
        let probe = Probe::new(&log).on(home.clone()).immediately_at(first.clone());
        F::start_now(&context, probe.allocating(&recorder));
        first.run();
        home.run();
        // One block, however many hops.
        assert_eq!(log.take(), "A0 post:first post:home D0 call");
        recorder.assert_balanced();
    }

    fn abandoned<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&context, Probe::new(&log).allocating(&recorder));
        form.abandon();
        context.run();
        assert_eq!(log.take(), "A0 D0 drop");
        recorder.assert_balanced();
    }

    fn context_dropped<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        F::start_now(&context, Probe::new(&log).allocating(&recorder));
        drop(context);
        assert_eq!(log.take(), "A0 D0 drop");
        recorder.assert_balanced();
    }

    fn context_gone_when_it_completes<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        form.start(&context, Probe::new(&log).allocating(&recorder));
        drop(context);
        assert_eq!(log.take(), "A0");
        form.finish(1);
        assert_eq!(log.take(), "D0 drop");
        recorder.assert_balanced();
    }

    fn a_panicking_handler_finds_it_returned<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let probe = Probe::calling(&log, |_: (u32,)| panic!("on purpose"));
        F::start_now(&context, probe.allocating(&recorder));
        catch_unwind(AssertUnwindSafe(|| context.run())).unwrap_err();
        assert_eq!(log.take(), "A0 D0 call");
        recorder.assert_balanced();
    }

    fn inside_the_handler_nothing_is_left<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let form = F::default();
        let seen = recorder.clone();
        let probe = Probe::calling(&log, move |_: (u32,)| {
            // The test's, the one captured here, and the handler's own.
            assert_eq!((seen.live(), seen.handles()), (0, 3));
        });
        form.start(&context, probe.allocating(&recorder));
        form.finish(1);
        assert_eq!(context.run(), 1);
        recorder.assert_balanced();
    }

    fn a_handler_aligned_to_more_than_a_cache_line<F: Form>() {
        #[repr(align(256))]
        struct Aligned(u8);

        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let recorder = Recorder::new(&log);
        let aligned = Aligned(3);
        let probe = Probe::calling(&log, move |_: (u32,)| {
            let aligned = &aligned;
            assert_eq!(std::ptr::from_ref(aligned).addr() % 256, 0);
            assert_eq!(aligned.0, 3);
        });
        F::start_now(&context, probe.allocating(&recorder));
        assert_eq!(recorder.live_layouts()[0].align(), 256);
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "A0 D0 call");
        recorder.assert_balanced();
    }
}

#[test]
fn wakers_that_outlive_the_operation_keep_none_of_it() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let form = AsyncForm::default();
    form.start(&context, Probe::new(&log).allocating(&recorder));
    let waker = form.gate.take_waker().unwrap();
    let clone = waker.clone();
    form.finish(1);
    waker.wake_by_ref();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "A0 D0 call");
    recorder.assert_balanced();
    // And they are harmless.
    waker.wake_by_ref();
    let another = clone.clone();
    clone.wake();
    thread::spawn(move || drop(another)).join().unwrap();
    drop(waker);
    assert_eq!(context.run(), 0);
    assert_eq!(log.take(), "");
}

#[test]
fn wakers_that_outlive_the_context_keep_none_of_the_operation() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let form = AsyncForm::default();
    form.start(&context, Probe::new(&log).allocating(&recorder));
    let waker = form.gate.take_waker().unwrap();
    let clone = waker.clone();
    waker.wake();
    drop(context);
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    clone.wake();
}

#[test]
fn one_operation_of_two_wakers_is_closed_by_the_last() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let form = AsyncForm::default();
    form.start(&context, Probe::new(&log).allocating(&recorder));
    let waker = form.gate.take_waker().unwrap();
    let clone = waker.clone();
    drop(waker);
    assert_eq!(context.poll(), 0);
    drop(clone);
    assert_eq!(log.take(), "A0");
    // On its own executor, not where the waker was dropped.
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "D0 drop");
    recorder.assert_balanced();
}

#[test]
fn a_future_that_waits_for_nothing_is_destroyed_at_once() {
    #[async_op]
    async fn async_never(_context: &IoExecutor) -> u32 {
        std::future::pending().await
    }

    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    async_never(&context, Handler(Probe::new(&log).allocating(&recorder)));
    assert_eq!(log.take(), "A0 D0 drop");
    recorder.assert_balanced();
    assert_eq!(context.run(), 0);
}

#[async_op]
fn async_inner(_context: &IoExecutor, form: HandlerForm, op: Completion<fn(u32)>) {
    form.hold.put(op);
}

#[async_op]
async fn async_outer(context: &IoExecutor, form: HandlerForm, log: Log) -> u32 {
    let alive = Alive::new(&log, "future");
    let first = async_inner(context, form.clone(), UseFuture).await;
    let second = async_inner(context, form, UseFuture).await;
    drop(alive);
    first + second
}

#[test]
fn operations_awaited_inside_have_returned_theirs_too() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let form = HandlerForm::default();
    let probe = Probe::calling(&log, |(sum,): (u32,)| assert_eq!(sum, 3));
    async_outer(
        &context,
        form.clone(),
        log.clone(),
        Handler(probe.allocating(&recorder)),
    );
    assert_eq!(log.take(), "A0 A1");
    form.finish(1);
    assert_eq!(context.poll(), 1);
    assert_eq!(log.take(), "D1 A2");
    form.finish(2);
    assert_eq!(context.poll(), 1);
    assert_eq!(log.take(), "D2 future D0 call");
    recorder.assert_balanced();
}

#[test]
fn operations_awaited_inside_return_theirs_when_the_context_is_dropped() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let form = HandlerForm::default();
    let probe = Probe::new(&log).allocating(&recorder);
    async_outer(&context, form.clone(), log.clone(), Handler(probe));
    form.finish(1);
    drop(context);
    assert_eq!(log.take(), "A0 A1 D1 future D0 drop");
    recorder.assert_balanced();
}

#[test]
fn an_inner_completion_elsewhere_frees_its_own_block() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let form = HandlerForm::default();
    let probe = Probe::new(&log).allocating(&recorder);
    async_outer(&context, form.clone(), log.clone(), Handler(probe));
    // The inner operation is this thread's now; the outer is destroyed first.
    let op = form.hold.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    op.on_cancel(move |_| sender.send(()).unwrap());
    drop(op);
    drop(context);
    assert!(receiver.recv().is_err(), "it was over");
    assert_eq!(log.take(), "A0 A1 D1 future D0 drop");
    recorder.assert_balanced();
}

#[test]
fn a_task_has_returned_it_before_its_function() {
    let log = Log::new();
    let recorder = Recorder::new(&log);
    let (seen, inner) = (recorder.clone(), log.clone());
    let task = Task::new_in(
        move || {
            assert_eq!((seen.live(), seen.handles()), (0, 2));
            inner.push("run");
        },
        recorder.clone(),
    );
    task.run();
    assert_eq!(log.take(), "A0 D0 run");
    let alive = Alive::new(&log, "drop");
    drop(Task::new_in(move || drop(alive), recorder.clone()));
    assert_eq!(log.take(), "A1 D1 drop");
    recorder.assert_balanced();
}

#[test]
fn a_timer_has_returned_it() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let timer = Timer::new(&context);
    timer.expires_after(std::time::Duration::from_millis(1));
    for _ in 0..2 {
        let probe = Probe::calling(&log, |(result,): (std::io::Result<()>,)| result.unwrap());
        timer.async_wait(Handler(probe.allocating(&recorder)));
    }
    assert_eq!(context.run(), 2);
    assert_eq!(log.take(), "A0 A1 D0 call D1 call");
    recorder.assert_balanced();
}

#[test]
fn a_read_has_returned_it_but_for_the_buffer() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let recorder = Recorder::new(&log);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = TcpStream::from_std(&context, listener.accept().unwrap().0).unwrap();
    let probe = Probe::calling(
        &log,
        |(result, buffer): (std::io::Result<usize>, [u8; 64])| {
            assert_eq!(&buffer[..result.unwrap()], b"hello");
        },
    );
    stream.async_read_some([0; 64], Handler(probe.allocating(&recorder)));
    assert_eq!(context.poll(), 0);
    std::io::Write::write_all(&mut &peer, b"hello").unwrap();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "A0 D0 call");
    recorder.assert_balanced();
}
