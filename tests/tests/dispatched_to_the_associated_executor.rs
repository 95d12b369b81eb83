//! Guarantee 5: a handler is dispatched to its associated executor; when the
//! operation completed at once, to its immediate executor first.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use async_op::adapter::bind_immediate_executor;
use async_op::executor::{InlineOr, PostOnly, Strand};
use async_op::sync::{Channel, SendError};
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{Executor, Handler, IoContext};
use async_op_tests::{
    AsyncForm, Form, HandlerForm, Log, Manual, Probe, Recorder, both_forms, panic_of,
    without_hanging,
};

both_forms! {
    fn by_default_the_executor_is_that_of_the_io_object<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        let executor = context.executor();
        form.start(&context, Probe::calling(&log, move |_: (u32,)| {
            assert!(executor.runs_here());
        }));
        form.finish(1);
        assert_eq!(log.take(), "");
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "call");
    }

    fn a_later_completion_is_posted_from_elsewhere<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (home, elsewhere) = (Manual::new("home", &log), Manual::new("elsewhere", &log));
        let form = F::default();
        let probe = Probe::new(&log).on(home.clone()).immediately_at(elsewhere);
        form.start(&context, probe);
        assert_eq!(log.take(), "");
        form.finish(1);
        assert_eq!(log.take(), "post:home");
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "call");
    }

    fn two_contexts<F: Form>() {
        let (log, one, two) = (Log::new(), IoContext::new().unwrap(), IoContext::new().unwrap());
        let form = F::default();
        form.start(&one, Probe::new(&log).on(two.executor()));
        assert_eq!((one.poll(), two.poll()), (0, 0));
        let finish = form.clone();
        one.post(Task::new(move || finish.finish(1)));
        assert_eq!(two.poll(), 0);
        assert_eq!(one.poll(), 1);
        assert_eq!(log.take(), "");
        assert_eq!(two.run(), 1);
        assert_eq!(log.take(), "call");
        assert_eq!((one.run(), two.run()), (0, 0));
        assert_eq!(log.take(), "");
    }

    fn two_contexts_when_it_completes_at_once<F: Form>() {
        let (log, one, two) = (Log::new(), IoContext::new().unwrap(), IoContext::new().unwrap());
        F::start_now(&one, Probe::new(&log).on(two.executor()));
        // Nothing is left to do on the first.
        assert_eq!(one.run(), 0);
        assert_eq!(log.take(), "");
        assert_eq!(two.run(), 1);
        assert_eq!(log.take(), "call");
    }

    fn at_once_means_posted_to_the_handlers_own_executor<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        F::start_now(&context, Probe::new(&log).on(home.clone()));
        assert_eq!(context.run(), 0);
        assert_eq!(log.take(), "post:home");
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "call");
    }

    fn at_once_with_an_immediate_executor_of_its_own<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (home, first) = (Manual::new("home", &log), Manual::new("first", &log));
        F::start_now(&context, Probe::new(&log).on(home.clone()).immediately_at(first.clone()));
        assert_eq!(log.take(), "post:first");
        assert_eq!((home.run(), first.run()), (0, 1));
        assert_eq!(log.take(), "post:home");
        assert_eq!((home.run(), first.run()), (1, 0));
        assert_eq!(log.take(), "call");
    }

    fn at_once_with_the_handlers_own_executor_as_the_immediate_one<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = Manual::new("home", &log);
        F::start_now(&context, Probe::new(&log).on(home.clone()).immediately_at(home.clone()));
        assert_eq!(log.take(), "post:home");
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "call");
    }

    /// "As if by performing `dispatch(ex3, f)`": there it ends.
    fn at_once_on_the_immediate_executor_where_the_handler_has_none<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let first = Manual::new("first", &log);
        F::start_now(&context, Probe::new(&log).immediately_at(first.clone()));
        // Nothing is left to do for the context of the operation.
        assert_eq!((log.take(), context.run()), ("post:first".into(), 0));
        assert_eq!((first.run(), first.work()), (1, 0));
        assert_eq!(log.take(), "call");
        context.restart();
        assert_eq!(context.run(), 0);
    }

    /// Inside the initiating function, as the handler's author asked for.
    fn at_once_inside_the_initiating_function<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (inner, executor) = (log.clone(), context.executor());
        context.post(Task::new(move || {
            F::start_now(&executor, Probe::new(&inner).immediately_at(InlineOr(executor)));
            inner.push("started");
        }));
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "call started");
    }

    /// The panic goes out of the initiating function; nothing of the operation is left.
    fn at_once_inside_the_initiating_function_with_a_panic<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let memory = Recorder::new(&log);
        let probe = Probe::calling(&log, |_: (u32,)| panic!("on purpose")).allocating(&memory);
        let inline = InlineOr(context.executor());
        let said = panic_of(|| F::start_now(&context, probe.immediately_at(inline)));
        assert_eq!((said.as_str(), log.take()), ("on purpose", "A0 D0 call".into()));
        memory.assert_balanced();
        assert_eq!(context.run(), 0);
    }

    fn at_once_on_an_immediate_executor_whose_context_is_gone<F: Form>() {
        let (log, one, two) = (Log::new(), IoContext::new().unwrap(), IoContext::new().unwrap());
        let gone = two.executor();
        drop(two);
        F::start_now(&one, Probe::new(&log).immediately_at(gone));
        assert_eq!((log.take(), one.run()), ("drop".into(), 0));
    }

    fn at_once_on_an_immediate_executor_that_drops_it<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let first = Manual::new("first", &log);
        F::start_now(&context, Probe::new(&log).immediately_at(first.clone()));
        drop(first.pop());
        assert_eq!(log.take(), "post:first drop");
        assert_eq!((context.run(), first.work()), (0, 0));
    }

    /// The immediate executor has the type of the default one, but is another.
    fn at_once_with_a_post_to_another_executor_of_the_same_type<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (home, first) = (Manual::new("home", &log), Manual::new("first", &log));
        let probe = Probe::new(&log).on(home.clone()).immediately_at(PostOnly(first.clone()));
        F::start_now(&context, probe);
        assert_eq!(log.take(), "post:first");
        assert_eq!(first.run(), 1);
        assert_eq!(log.take(), "post:home");
        assert_eq!(home.run(), 1);
        assert_eq!(log.take(), "call");
    }

    fn a_task_dropped_by_the_immediate_executor_drops_the_handler<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let (home, first) = (Manual::new("home", &log), Manual::new("first", &log));
        F::start_now(&context, Probe::new(&log).on(home.clone()).immediately_at(first.clone()));
        assert_eq!(home.work(), 1);
        drop(first.pop());
        assert_eq!(log.take(), "post:first drop");
        assert_eq!(home.work(), 0);
    }
}

#[test]
fn a_completion_on_the_handlers_executor_runs_in_place() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let form = HandlerForm::default();
    form.start(&context, Probe::new(&log).on(home.clone()));
    let inner = log.clone();
    home.post(Task::new(move || {
        form.finish(1);
        inner.push("completed");
    }));
    assert_eq!(home.run(), 1);
    assert_eq!(log.take(), "post:home call completed");
}

#[test]
fn a_wake_is_always_posted() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let form = AsyncForm::default();
    form.start(&context, Probe::new(&log).on(home.clone()));
    let inner = log.clone();
    home.post(Task::new(move || {
        form.finish(1);
        inner.push("completed");
    }));
    assert_eq!(home.run(), 2);
    assert_eq!(log.take(), "post:home post:home completed call");
}

#[test]
fn later_polls_are_on_the_handlers_executor() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = Manual::new("home", &log);
    let form = AsyncForm::default();
    form.start(&context, Probe::new(&log).on(home.clone()));
    assert_eq!(form.gate.polls(), 1);
    form.gate.wake();
    form.gate.wake();
    assert_eq!(form.gate.polls(), 1);
    assert_eq!(home.run(), 1);
    assert_eq!(form.gate.polls(), 2);
    form.finish(1);
    assert_eq!(home.run(), 1);
    assert_eq!(form.gate.polls(), 3);
    assert_eq!(log.take(), "post:home post:home call");
}

#[test]
fn a_timer_of_one_context_with_a_handler_on_another() {
    without_hanging(|| {
        let (one, two) = (IoContext::new().unwrap(), IoContext::new().unwrap());
        let timer = Timer::new(&one);
        // Not before something waits, on a slow machine either.
        timer.expires_after(Duration::from_millis(300));
        let (log, (sender, receiver)) = (Log::new(), mpsc::channel());
        let probe = Probe::calling(&log, move |(result,): (std::io::Result<()>,)| {
            result.unwrap();
            sender.send(thread::current().id()).unwrap();
        });
        timer.async_wait(Handler(probe.on(two.executor())));
        assert_eq!(two.poll(), 0);
        thread::scope(|scope| {
            let first = scope.spawn(|| one.run());
            assert_eq!(two.run(), 1);
            assert_eq!(first.join().unwrap(), 0);
        });
        assert_eq!(receiver.recv(), Ok(thread::current().id()));
        assert_eq!(log.take(), "call");
    });
}

/// A strand of another context, of what ends there: the first has nothing to do with it.
#[test]
fn sends_and_receives_on_an_immediate_strand_elsewhere() {
    without_hanging(|| {
        let (log, one, two) = (
            Log::new(),
            IoContext::new().unwrap(),
            IoContext::new().unwrap(),
        );
        let strand = Strand::new(two.executor());
        let channel = Channel::new(&one, 4);
        channel.try_send(1).unwrap();
        let (here, to) = (strand.clone(), log.clone());
        let received = move |result: io::Result<u32>| {
            assert!(here.runs_here());
            to.push(format!("{}", result.unwrap()));
        };
        channel.async_receive(bind_immediate_executor(strand.clone(), received));
        let (here, to) = (strand.clone(), log.clone());
        let sent = move |result: Result<(), SendError<u32>>| {
            assert!(here.runs_here() && result.is_ok());
            to.push("sent");
        };
        channel.async_send(2, bind_immediate_executor(strand, sent));
        assert_eq!((one.run(), log.take()), (0, String::new()));
        assert_eq!((two.run(), log.take()), (1, "1 sent".into()));
    });
}
