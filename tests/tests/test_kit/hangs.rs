//! What would take for ever, what tests nothing, and what is run again alone.

use std::env;
use std::io;
use std::process::Command;
use std::time::Duration;

use async_op::io::read_exact;
use async_op::task::Task;
use async_op::test::{
    Probe, Script, TestContext, each_allocation_failure, each_cancellation, each_panic, explore,
};
use async_op::time::Timer;
use async_op::{Executor, IoExecutor, bind_allocator, bind_cancellation_slot};
use async_op_tests::{is_emulated, panic_of};

#[test]
fn to_block_on_what_never_comes_is_said() {
    let context = TestContext::new();
    context.set_patience(Duration::from_millis(1));
    let stream = Script::new().read("x").on(&context);
    let message = panic_of(|| read_exact(&stream, &mut [0; 2]).blocking());
    assert!(
        message.starts_with("nothing can run, no time is waited for"),
        "{message}"
    );
    // It can be used on.
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(1));
    timer.wait().blocking().unwrap();
}

#[test]
fn a_task_that_posts_itself_again_for_ever_is_noticed() {
    fn again(on: IoExecutor) {
        on.post(Task::new(move || again(on)));
    }

    let mut context = TestContext::new();
    again(context.executor());
    let message = panic_of(|| context.run());
    assert!(message.starts_with("a million tasks have run"), "{message}");
    context.allow_outstanding();
}

#[test]
fn faults_that_nothing_has_are_a_mistake() {
    let waits = |context: &TestContext| {
        let timer = Timer::new(context);
        timer
            .wait()
            .callback(|result: io::Result<()>| result.unwrap());
        context.run();
    };
    let message = panic_of(|| each_cancellation(|context, _| waits(context)));
    assert!(message.starts_with("nothing is stopped"), "{message}");
    let message = panic_of(|| each_allocation_failure(waits));
    assert!(message.starts_with("nothing is refused"), "{message}");
    let message = panic_of(|| each_panic(|context, _| waits(context)));
    assert!(message.starts_with("nothing panics"), "{message}");
    // Nothing to be stopped is something else: the context looks once for what can run.
    assert_eq!(each_cancellation(|_, cut| drop(cut.slot())), 2);
}

const CHILD: &str = "ASYNC_OP_TESTS_CHILD";

/// In a process of its own, which has the variables.
#[test]
fn a_seed_and_a_step_are_run_again_alone() {
    if env::var(CHILD).is_err() {
        if is_emulated() {
            return;
        }
        let name = "hangs::a_seed_and_a_step_are_run_again_alone";
        let run = |seed: &str| {
            let mut command = Command::new(env::current_exe().unwrap());
            let command = command.args(["--exact", name]).env(CHILD, "1");
            let output = command.env("ASYNC_OP_SEED", seed).env("ASYNC_OP_STEP", "2");
            let output = output.output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            (output.status.success(), said)
        };
        let (succeeds, said) = run("7");
        assert!(succeeds && said.contains("1 passed"), "{said}");
        let (succeeds, said) = run("seven");
        assert!(!succeeds, "{said}");
        assert!(said.contains("ASYNC_OP_SEED is no number: seven"), "{said}");
        return;
    }
    let mut seeds = Vec::new();
    explore(0..3, |context| seeds.push(context.random(1 << 30)));
    assert_eq!(seeds, [TestContext::seeded(7).random(1 << 30)]);

    let mut runs = Vec::new();
    let times = each_cancellation(|context, cut| {
        let timers = [(); 9].map(|()| Timer::new(context));
        let probe = Probe::new();
        for (n, timer) in timers.iter().enumerate() {
            timer.expires_after(Duration::from_secs(n as u64 + 1));
            let handler = probe.handler();
            match n {
                8 => timer
                    .wait()
                    .with(bind_cancellation_slot(cut.slot(), handler)),
                _ => timer.wait().with(handler),
            }
        }
        context.run();
        let mut outcomes = std::iter::from_fn(|| probe.try_take());
        runs.push(outcomes.position(|(result,): (io::Result<()>,)| result.is_err()));
    });
    assert_eq!(times, 1);
    assert!(matches!(runs[..], [Some(1..8)]), "{runs:?}");

    let mut calls = 0;
    let times = each_panic(|context, fuse| {
        let (timer, probe) = (Timer::new(context), Probe::<(io::Result<()>,)>::new());
        for _ in 0..5 {
            timer.wait().with(fuse.handler(probe.handler()));
        }
        for _ in 0..2 {
            context.run_one();
            assert!(!fuse.is_burnt());
        }
        context.run_one();
        assert!(fuse.is_burnt());
        context.run();
        calls += probe.calls();
    });
    assert_eq!((times, calls), (1, 5));

    let times = each_allocation_failure(|context| {
        let timer = Timer::new(context);
        timer.expires_after(Duration::from_secs(1));
        for n in 0.. {
            let memory = context.memory();
            assert!(n < 3 && memory.refused() == 0);
            let handler = bind_allocator(memory, |_: io::Result<()>| {});
            timer.wait().with(handler);
        }
    });
    assert_eq!(times, 1);
}
