//! Tokens: closures of every arity, handlers, `Detached`.

use std::io;
use std::sync::mpsc;

use async_op::adapter::{OneOf2, OneOf3};
use async_op::time::Timer;
use async_op::{
    Associations, Completion, CompletionHandler, Detached, Handler, IoContext, IoExecutor, async_op,
};
use async_op_tests::{Alive, Log, Probe, both_forms, panic_of};

macro_rules! arity {
    ($name:ident, $default:ident, ($($arg:ident: $ty:ty),*), $sum:expr) => {
        #[async_op]
        #[allow(dead_code, reason = "the twin of the initiating function")]
        fn $name(_context: &IoExecutor, op: Completion<fn($($ty),*)>) {
            op.complete($(<$ty>::try_from(stringify!($arg).len()).unwrap()),*);
        }

        #[test]
        fn $default() {
            let context = IoContext::new().unwrap();
            let (sender, receiver) = mpsc::channel();
            let own = sender.clone();
            $name(&context, move |$($arg: $ty),*| {
                own.send(0 $(+ u64::from($arg))*).unwrap();
            });
            // The same, its parameters inferred.
            $name(&context, async_op::Deferred).callback(move |$($arg),*| {
                sender.send(0 $(+ u64::from($arg))*).unwrap();
            });
            $name(&context, Detached);
            assert_eq!(context.run(), 3);
            assert_eq!(receiver.iter().collect::<Vec<_>>(), [$sum, $sum]);
        }
    };
}

arity!(async_zero, no_arguments, (), 0);
arity!(async_one, one_argument, (a: u8), 1);
arity!(async_two, two_arguments, (a: u8, bb: u16), 3);
arity!(async_three, three_arguments, (a: u8, bb: u16, ccc: u32), 6);
arity!(async_four, four_arguments, (a: u8, bb: u16, ccc: u32, dddd: u64), 10);
arity!(async_five, five_arguments, (a: u8, bb: u16, ccc: u32, dddd: u64, e: u8), 11);
arity!(async_six, six_arguments, (a: u8, bb: u16, ccc: u32, dddd: u64, e: u8, f: u8), 12);
arity!(
    async_seven,
    seven_arguments,
    (a: u8, bb: u16, ccc: u32, dddd: u64, e: u8, f: u8, g: u8),
    13
);
arity!(
    async_eight,
    eight_arguments,
    (a: u8, bb: u16, ccc: u32, dddd: u64, e: u8, f: u8, g: u8, h: u8),
    14
);

#[async_op]
async fn async_nothing(_context: &IoExecutor) {}

#[async_op(completes = fn(u8, String))]
async fn async_pair(_context: &IoExecutor) -> (u8, String) {
    (7, "seven".into())
}

#[test]
fn an_async_fn_without_a_result() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let inner = log.clone();
    async_nothing(&context, move || inner.push("called"));
    nothing(&context).blocking();
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "called");
}

#[test]
fn an_async_fn_with_two_results() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let inner = log.clone();
    async_pair(&context, move |number: u8, text: String| {
        inner.push(format!("{number}={text}"));
    });
    assert_eq!(context.run(), 1);
    assert_eq!(log.take(), "7=seven");
    context.restart();
    assert_eq!(pair(&context).blocking(), (7, "seven".into()));
}

type Either = (fn(u8), fn(u8, u8));
type Any = (fn(), fn(u8), fn(u8, u8));

#[async_op]
fn async_either(_context: &IoExecutor, first: bool, op: Completion<Either>) {
    if first {
        op.complete_first((1,));
    } else {
        op.complete_second((2, 3));
    }
}

#[async_op]
fn async_any(_context: &IoExecutor, op: Completion<Any>) {
    op.complete_third((2, 3));
}

#[test]
fn several_signatures() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    for first in [true, false] {
        let log = log.clone();
        async_either(&context, first, move |result: OneOf2<u8, (u8, u8)>| {
            log.push(format!("{result:?}"));
        });
    }
    assert_eq!(context.run(), 2);
    assert_eq!(log.take(), "First(1) Second((2, 3))");
    context.restart();
    assert_eq!(either(&context, true).blocking(), OneOf2::First(1));
    assert_eq!(any(&context).blocking(), OneOf3::Third((2, 3)));
}

both_forms! {
    fn a_closure_that_is_never_called_is_dropped<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let alive = Alive::new(&log, "drop");
        let form = F::default();
        form.operation(&context).callback(move |_| drop(alive));
        assert_eq!(log.take(), "");
        form.abandon();
        context.run();
        assert_eq!(log.take(), "drop");
    }

    fn detached_runs_the_operation<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        form.operation(&context).with(Detached);
        assert_eq!(context.poll(), 0);
        assert!(!context.stopped());
        form.finish(1);
        assert_eq!(context.run(), 1);
    }

    fn map_forwards_the_associations<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let home = async_op_tests::Manual::new("home", &log);
        let first = async_op_tests::Manual::new("first", &log);
        let recorder = async_op_tests::Recorder::new(&log);
        let form = F::default();
        let probe = Probe::calling(&log, |(text,): (String,)| assert_eq!(text, "4"));
        let probe = probe.on(home.clone()).allocating(&recorder);
        let mapping = log.clone();
        form.operation(&context)
            .map(move |value| {
                mapping.push("map");
                value.to_string()
            })
            .with(Handler(probe.immediately_at(first.clone())));
        form.finish(4);
        assert_eq!((first.run(), home.run()), (0, 1));
        // The function runs where the handler does, without the memory.
        assert_eq!(log.take(), "A0 post:home D0 map call");
        recorder.assert_balanced();
    }
}

#[test]
fn map_forwards_the_immediate_executor() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let home = async_op_tests::Manual::new("home", &log);
    let first = async_op_tests::Manual::new("first", &log);
    let probe = Probe::calling(&log, |(sum,): (u32,)| assert_eq!(sum, 11));
    let probe = probe.on(home.clone()).immediately_at(first.clone());
    pair(&context)
        .map(|(number, _)| u32::from(number) + 4)
        .with(Handler(probe));
    first.run();
    home.run();
    assert_eq!(log.take(), "post:first post:home call");
}

/// One handler type, two signatures.
struct Both(Log);

impl Associations for Both {}

impl CompletionHandler<fn(io::Result<()>)> for Both {
    fn complete(self, (result,): (io::Result<()>,)) {
        self.0.push(format!("waited:{}", result.is_ok()));
    }
}

impl CompletionHandler<fn(u8)> for Both {
    fn complete(self, (value,): (u8,)) {
        self.0.push(format!("one:{value}"));
    }
}

#[test]
fn one_handler_type_for_two_signatures() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    Timer::new(&context).async_wait(Handler(Both(log.clone())));
    async_one(&context, Handler(Both(log.clone())));
    assert_eq!(context.run(), 2);
    assert_eq!(log.take(), "waited:true one:1");
}

/// A closure may do so in place of `()`: its type is `!`.
#[test]
fn a_handler_that_never_returns() {
    let context = IoContext::new().unwrap();
    Timer::new(&context).async_wait(|_: io::Result<()>| panic!("a handler"));
    Timer::new(&context)
        .wait()
        .callback(|_| panic!("a handler"));
    for _ in 0..2 {
        assert_eq!(panic_of(|| context.run()), "a handler");
    }
    assert_eq!(context.run(), 0);
}
