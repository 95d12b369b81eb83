//! Operations that are stopped, or get no memory, at every step.

use std::io;
use std::mem;

use async_op::io::{DynamicBuffer, read_exact, read_until, write_all};
use async_op::sync::Mutex;
use async_op::test::{
    CountingHeap, Probe, Script, TestContext, TestStream, assert_no_allocation,
    each_allocation_failure, each_cancellation, pair,
};
use async_op::time::Timer;
use async_op::{IoExecutor, IoObject, async_op, bind_allocator, bind_cancellation_slot, spawn};
use async_op_tests::panic_of;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// A client of many callers: it locks, writes and reads.
#[derive(Clone)]
struct Client {
    stream: TestStream,
    usable: Mutex<bool>,
    /// Whether it goes on after a request that has not come to its end.
    is_naive: bool,
}

impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.stream.executor()
    }
}

impl Client {
    #[async_op]
    async fn async_ask(&self, question: &str) -> io::Result<String> {
        let mut usable = self.usable.lock().await?;
        if !mem::replace(&mut *usable, self.is_naive) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        write_all(&self.stream, format!("{question}\n")).await.0?;
        let mut line = Vec::new();
        let end = read_until(&self.stream, (&mut line).at_most(80), b'\n').await?;
        *usable = true;
        line.truncate(end - 1);
        String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

/// A server that says what it is asked for.
async fn echo(stream: TestStream) {
    let mut line = Vec::new();
    while let Ok(end) = read_until(&stream, (&mut line).at_most(80), b'\n').await {
        let reply: Vec<u8> = line.drain(..end).collect();
        if write_all(&stream, reply).await.0.is_err() {
            return;
        }
    }
}

type Answer = (io::Result<String>,);

/// Two callers, of whom the first is asked to stop, or dropped, at every step.
fn two_callers(is_naive: bool, is_dropped: bool) -> usize {
    each_cancellation(|context, cut| {
        let (ours, theirs) = pair(context);
        spawn(context, echo(theirs), |_: ()| {});
        let usable = Mutex::new(context, true);
        let client = Client {
            stream: ours,
            usable,
            is_naive,
        };
        let (first, second) = (Probe::<Answer>::new(), Probe::<Answer>::new());
        if is_dropped {
            let (client, cut) = (client.clone(), cut.clone());
            let asks = async move {
                match cut.or_dropped(client.ask("one")).await {
                    Some(answer) => answer,
                    None => Err(io::ErrorKind::Interrupted.into()),
                }
            };
            spawn(context, asks, first.handler());
        } else {
            let handler = bind_cancellation_slot(cut.slot(), first.handler());
            client.ask("one").with(handler);
        }
        // Its turn comes after the first.
        spawn(
            context,
            async move { client.ask("two").await },
            second.handler(),
        );
        context.run();
        for (probe, expected) in [(first, "one"), (second, "two")] {
            match probe.take().0 {
                Ok(answer) => assert_eq!(answer, expected, "the answer of another"),
                Err(_) => assert!(cut.is_over()),
            }
        }
    })
}

#[test]
fn a_client_that_is_right_passes_at_every_step() {
    for is_dropped in [false, true] {
        let times = two_callers(false, is_dropped);
        assert!((5..50).contains(&times), "{times}");
    }
}

#[test]
fn one_that_locks_writes_and_reads_fails() {
    for is_dropped in [false, true] {
        let message = panic_of(|| two_callers(true, is_dropped));
        assert!(message.contains("the answer of another"), "{message}");
    }
}

#[test]
fn each_block_is_refused_in_its_turn() {
    let mut refused = Vec::new();
    let times = each_allocation_failure(|context| {
        let stream = Script::new().read("ab").read("c").on(context);
        let probe = Probe::<(io::Result<()>, Vec<u8>)>::new();
        let timer = Timer::new(context);
        let wait = Probe::<(io::Result<()>,)>::new();
        timer
            .wait()
            .with(bind_allocator(context.memory(), wait.handler()));
        refused.push(context.memory().refused());
        read_exact(&stream, vec![0; 3]).with(bind_allocator(context.memory(), probe.handler()));
        context.run();
        wait.take().0.unwrap();
        assert_eq!(probe.take().1, b"abc");
    });
    assert_eq!(times, 3);
    // The first is refused to the wait, which says so: it does not come here.
    assert_eq!(refused, [0, 0]);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn memory_that_is_kept_is_found() {
    use async_op::alloc::Allocator;
    use std::alloc::Layout;

    let keep = |context: &TestContext| {
        context.memory().allocate(Layout::new::<u64>()).unwrap();
    };
    let message = panic_of(|| keep(&TestContext::new()));
    assert_eq!(
        message,
        "a test is over, but 1 blocks of memory are not back"
    );
    let message = panic_of(|| {
        each_allocation_failure(|context| {
            keep(context);
            keep(context);
        })
    });
    assert_eq!(
        message,
        "where block 1 is refused, 1 blocks of memory are not back"
    );
}

#[test]
fn a_failure_that_no_memory_is_the_reason_of_is_one() {
    let message = panic_of(|| each_allocation_failure(|_| panic!("on its own")));
    assert_eq!(message, "on its own");
    let message = panic_of(|| each_cancellation(|_, _| panic!("on its own")));
    assert_eq!(message, "on its own");
}

#[test]
fn probes_know_of_each_handler() {
    let context = TestContext::new();
    let timer = Timer::new(&context);
    let probe = Probe::<(io::Result<()>,)>::new();
    let message = panic_of(|| probe.take());
    assert_eq!(message, "0 handlers have been called, not one");
    for _ in 0..2 {
        timer.wait().with(probe.handler());
    }
    context.run();
    assert_eq!(probe.calls(), 2);
    let message = panic_of(|| probe.take());
    assert_eq!(message, "2 handlers have been called, not one");
    assert!(probe.try_take().is_some() && probe.try_take().is_some());
    assert!(probe.try_take().is_none());

    drop(probe.handler());
    let message = panic_of(|| drop(probe));
    assert_eq!(message, "1 handlers have been dropped uncalled");

    let probe = Probe::<(io::Result<()>,)>::new();
    drop(probe.handler());
    assert_eq!(probe.dropped(), 1);
}

#[test]
fn the_heap_is_counted() {
    assert_eq!(assert_no_allocation(|| 1 + 1), 2);
    let message = panic_of(|| assert_no_allocation(|| vec![1, 2, 3]));
    assert_eq!(message, "1 allocations from the heap");
}
