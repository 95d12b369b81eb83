use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::replay::{each_step, tell};
use super::{Cut, Fuse, TestContext, TestMemory};

/// Runs `test` again and again, and stops its operation before the first step, before the
/// second, and so on, until it comes to its end before that; returns how many times.
///
/// A step is a task that the [context](TestContext) runs, and each moment when none can run
/// without time to pass. What is stopped, and how, is up to the test: see [`Cut`]. Steps that
/// are made in [`Blocking`](crate::Blocking) are none.
///
/// The test checks what has to hold wherever an operation ends: that what comes next on the
/// same connection gets its own reply, say. The context checks that nothing is left.
///
/// ```
/// use async_op::bind_cancellation_slot;
/// use async_op::io::read_exact;
/// use async_op::test::{Probe, Script, TestContext, each_cancellation};
/// use std::io;
///
/// let times = each_cancellation(|context, cut| {
///     let stream = Script::new().read("he").read("llo").on(context);
///     let probe = Probe::<(io::Result<()>, Vec<u8>)>::new();
///     let handler = bind_cancellation_slot(cut.slot(), probe.handler());
///     read_exact(&stream, vec![0; 5]).with(handler);
///     context.run();
///     let (result, buffer) = probe.take();
///     assert!(buffer == b"hello" || result.is_err());
/// });
/// assert!(times > 1);
/// ```
///
/// # Panics
///
/// If `test` does, or its context when that is dropped; before which step that was is printed
/// first, and with that number in the environment variable `ASYNC_OP_STEP` it alone is run. And if the test does not use the cut, or does not end in 100,000 steps.
pub fn each_cancellation(mut test: impl FnMut(&TestContext, &Cut)) -> usize {
    each_step(|step| {
        let cut = Cut::new(step);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let context = TestContext::new();
            context.cut_by(&cut);
            test(&context, &cut);
        }));
        if let Err(panic) = result {
            tell("it was stopped before step", step);
            resume_unwind(panic);
        }
        assert!(
            cut.is_used(),
            "nothing is stopped: the test has to take `cut.slot()`, or await `cut.or_dropped(..)`"
        );
        cut.is_over()
    })
}

/// Runs `test` again and again, and refuses the first block of memory that its operations
/// want, then the second, and so on, until it gets all; returns how many times.
///
/// That is what they want of the context's [`memory`](TestContext::memory), which the test
/// binds to its handlers. Where a block has been refused, a panic is no failure: operations
/// panic then, with their names. But all memory has to be back when the context is gone.
///
/// ```
/// use async_op::bind_allocator;
/// use async_op::test::{Probe, TestContext, each_allocation_failure};
/// use async_op::time::Timer;
/// use std::io;
///
/// let times = each_allocation_failure(|context| {
///     let timer = Timer::new(context);
///     let probe = Probe::<(io::Result<()>,)>::new();
///     timer.wait().with(bind_allocator(context.memory(), probe.handler()));
///     context.run();
///     probe.take().0.unwrap();
/// });
/// assert_eq!(times, 2); // it wants one
/// ```
///
/// # Panics
///
/// If `test` does though nothing has been refused, or its context when that is dropped; if
/// memory is left where a block has been refused; and if no operation wants any.
pub fn each_allocation_failure(mut test: impl FnMut(&TestContext)) -> usize {
    each_step(|before| {
        let mut context = TestContext::new();
        let memory = context.memory();
        memory.refuse_after(before);
        let result = catch_unwind(AssertUnwindSafe(|| test(&context)));
        let is_refused = memory.refused() > 0;
        if is_refused || result.is_err() {
            // What else there is has nobody who would run it to its end.
            context.allow_outstanding();
        }
        drop(context);
        match result {
            _ if is_refused => assert_back(&memory, "is refused", before),
            Err(panic) => resume_unwind(panic),
            Ok(()) => assert!(
                memory.allocations() > 0,
                "nothing is refused: no operation has taken of `context.memory()`"
            ),
        }
        is_refused
    })
}

/// Runs `test` again and again, and panics at the first place of its [`Fuse`], then at the
/// second, and so on, until it comes to its end before that; returns how many times.
///
/// Such a place is the end of a [handler](Fuse::handler), the wake of a [waker](Fuse::wakes),
/// or any [line](Fuse::burn). The context goes on after such a panic, as threads of a pool do:
/// in [`run`](TestContext::run) and the like it reaches nobody. So the test can check what has
/// to hold however a handler ends: that all others are called, say.
///
/// A panic that unwinds out of the test, from a line of it or from
/// [`Blocking`](crate::Blocking), is no failure either. But all [memory](TestContext::memory)
/// has to be back when the context is gone.
///
/// ```
/// use async_op::test::{Probe, TestContext, each_panic};
/// use async_op::time::Timer;
/// use std::io;
///
/// let times = each_panic(|context, fuse| {
///     let timer = Timer::new(context);
///     let probe = Probe::<(io::Result<()>,)>::new();
///     for _ in 0..3 {
///         timer.wait().with(fuse.handler(probe.handler()));
///     }
///     context.run();
///     assert_eq!(probe.calls(), 3); // whichever of them has panicked
/// });
/// assert_eq!(times, 4);
/// ```
///
/// # Panics
///
/// If `test` does in another way, or its context when that is dropped; at which place the fuse
/// has panicked is printed first. And if the test does not use the fuse.
pub fn each_panic(mut test: impl FnMut(&TestContext, &Fuse)) -> usize {
    each_step(|place| {
        let fuse = Fuse::new(place);
        let mut context = TestContext::new();
        // Those that come after a panic are counted, too.
        context.stop_at_each();
        let memory = context.memory();
        let mut result = catch_unwind(AssertUnwindSafe(|| test(&context, &fuse)));
        match result {
            // What comes after a panic there has nobody who would see to it.
            Err(_) => {
                context.allow_outstanding();
                drop(context);
            }
            Ok(()) => result = catch_unwind(AssertUnwindSafe(|| drop(context))),
        }
        match result {
            Ok(()) => {}
            Err(panic) if Fuse::has_made(&*panic) => assert_back(&memory, "panics", place),
            Err(panic) => {
                tell("it panics at place", place);
                resume_unwind(panic);
            }
        }
        assert!(
            fuse.is_used(),
            "nothing panics: the test has no `fuse.handler(..)`, `fuse.wakes(..)` or `fuse.burn()`"
        );
        fuse.is_burnt()
    })
}

fn assert_back(memory: &TestMemory, what: &str, step: usize) {
    let blocks = memory.outstanding();
    if blocks > 0 {
        tell(&format!("it {what} at"), step);
        panic!("{blocks} blocks of memory are not back");
    }
}
