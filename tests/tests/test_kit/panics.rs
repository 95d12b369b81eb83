//! Handlers and wakers that panic, each in its turn.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_op::io::{read_exact, write_all};
use async_op::task::Task;
use async_op::test::{Probe, Script, TestContext, each_panic, pair};
use async_op::time::Timer;
use async_op::{Executor, bind_allocator, spawn};
use async_op_tests::panic_of;

type Wait = (io::Result<()>,);

#[test]
fn whichever_handler_panics_all_are_called() {
    let mut burnt = 0;
    let times = each_panic(|context, fuse| {
        let timer = Timer::new(context);
        let (probe, last) = (Probe::<Wait>::new(), Probe::<Wait>::new());
        for _ in 0..3 {
            let handler = bind_allocator(context.memory(), probe.handler());
            timer.wait().with(fuse.handler(handler));
        }
        timer.wait().with(last.handler());
        context.run();
        assert_eq!((probe.calls(), last.calls()), (3, 1));
        burnt += usize::from(fuse.is_burnt());
    });
    assert_eq!((times, burnt), (4, 3));
}

#[test]
fn whichever_waker_panics_nobody_waits_for_ever() {
    let times = each_panic(|context, fuse| {
        let (a, b) = pair(context);
        let fuse = fuse.clone();
        let probe = Probe::<(io::Result<Vec<u8>>,)>::new();
        let reads = async move {
            let mut text = vec![0; 6];
            fuse.wakes(read_exact(&b, &mut text)).await?;
            Ok(text)
        };
        spawn(context, reads, probe.handler());
        let writes = async move {
            for part in ["one", "two"] {
                // The panic is that of whoever wakes: the rest is written by nobody.
                write_all(&a, part).await?;
            }
            Ok(())
        };
        let written = Probe::<(io::Result<()>,)>::new();
        spawn(context, writes, written.handler());
        context.run();
        let is_whole = probe.take().0.is_ok_and(|text| text == b"onetwo");
        assert_eq!(is_whole, written.dropped() == 0);
    });
    assert!(times > 1, "{times}");
}

#[test]
fn a_line_that_panics_ends_the_test_or_a_task() {
    let (mut begun, mut ended) = (0, 0);
    let times = each_panic(|context, fuse| {
        begun += 1;
        let ran = AtomicUsize::new(0);
        std::thread::scope(|_| {
            fuse.burn();
            ran.fetch_add(1, Ordering::Relaxed);
        });
        let inside = fuse.clone();
        context.post(Task::new(move || inside.burn()));
        context.run();
        fuse.burn();
        ended += ran.into_inner();
    });
    // Before the task, in it, which is nothing to the test, behind it, and not at all.
    assert_eq!((times, begun, ended), (4, 4, 2));
}

#[test]
fn out_of_whoever_blocks() {
    let times = each_panic(|context, fuse| {
        let (timer, late) = (Timer::new(context), Timer::new(context));
        timer.expires_after(Duration::from_secs(1));
        late.expires_after(Duration::from_secs(2));
        let probe = Probe::<Wait>::new();
        timer.wait().with(fuse.handler(probe.handler()));
        late.wait().blocking().unwrap();
        assert_eq!(probe.calls(), 1);
    });
    assert_eq!(times, 2);
}

#[test]
fn what_is_wrong_is_found() {
    // One whose results do not reach those who come after a panic.
    let message = panic_of(|| {
        each_panic(|context, fuse| {
            let probe = Probe::<Wait>::new();
            let timer = Timer::new(context);
            timer.wait().with(fuse.handler(probe.handler()));
            context.run();
            assert!(!fuse.is_burnt(), "not robust");
        })
    });
    assert_eq!(message, "not robust");
    let message = panic_of(|| each_panic(|_, _| panic!("on its own")));
    assert_eq!(message, "on its own");
}

/// After a panic out of the test, too.
#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn memory_that_is_kept_is_found() {
    let message = panic_of(|| {
        each_panic(|context, fuse| {
            let stream = Script::new().stall().on(context);
            let handler = bind_allocator(context.memory(), |_: io::Result<()>, _: Vec<u8>| {});
            read_exact(&stream, vec![0; 1]).with(handler);
            context.run_until_stalled();
            std::mem::forget(stream);
            keep(context);
            fuse.burn();
        })
    });
    assert_eq!(message, "1 blocks of memory are not back");
}

fn keep(context: &TestContext) {
    use async_op::alloc::Allocator;
    use std::alloc::Layout;

    context.memory().allocate(Layout::new::<u64>()).unwrap();
}
