//! Workloads to be counted from outside: instructions under callgrind, system
//! calls under strace. `workloads NAME ROUNDS` runs one; the difference between
//! two counts of rounds is free of start-up costs.
//!
//! Without arguments (`cargo bench`) each runs briefly, and heap allocations
//! per round are printed.

#[path = "peers/lockstep.rs"]
mod lockstep;

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use async_op::alloc::{Allocator, Recycling};
use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::{WorkGuard, dispatch_on, post_call};
use async_op::group::{parallel_group, wait_for_all};
use async_op::io::{BufferExt, read_exact, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::sync::Channel;
use async_op::task::Task;
use async_op::time::{Timer, async_sleep, sleep};
use async_op::{
    Deferred, Detached, Executor, IoContext, IoExecutor, IoObject, async_op,
    bind_cancellation_slot, post_on, spawn,
};

/// A task that posts itself again.
fn repost(context: &IoContext, rounds: u64) {
    again(context.executor(), rounds);
    context.run();
}

fn again(executor: IoExecutor, rounds: u64) {
    if rounds > 0 {
        executor.post(Task::new(move || again(executor, rounds - 1)));
    }
}

/// A callback that posts itself again.
fn post_callback(context: &IoContext, rounds: u64) {
    fn again(executor: IoExecutor, rounds: u64) {
        if rounds > 0 {
            post_on(&executor, move || again(executor, rounds - 1));
        }
    }
    again(context.executor(), rounds);
    context.run();
}

/// Callbacks that may run at once.
fn dispatch(context: &IoContext, rounds: u64) {
    let executor = context.executor();
    post_on(&executor, move || {
        for round in 0..rounds {
            dispatch_on(&executor, move || {
                std::hint::black_box(round);
            });
        }
    });
    context.run();
}

/// The same as `repost`, while a second thread is inside of `run` and has nothing to do.
fn repost_two(context: &IoContext, rounds: u64) {
    thread::scope(|scope| {
        let work = WorkGuard::new(context.executor());
        let (inside, arrived) = mpsc::channel();
        scope.spawn(|| context.run());
        context.post(Task::new(move || inside.send(()).unwrap()));
        arrived.recv().unwrap();
        again(context.executor(), rounds);
        drop(work);
        context.run();
    });
}

/// A thousand tasks at a time.
fn fan_out(context: &IoContext, rounds: u64) {
    fn burst(executor: IoExecutor, rounds: u64) {
        for _ in 0..1000.min(rounds) {
            executor.post(Task::new(|| {}));
        }
        if rounds > 1000 {
            executor.post(Task::new(move || burst(executor, rounds - 1000)));
        }
    }
    burst(context.executor(), rounds);
    context.run();
}

/// An operation that completes at once, with a callback.
fn immediate(context: &IoContext, rounds: u64) {
    #[async_op]
    fn async_nothing(_executor: &IoExecutor, op: async_op::Completion<fn()>) {
        op.complete();
    }
    fn again(executor: IoExecutor, rounds: u64) {
        if rounds > 0 {
            async_nothing(&executor, move || again(executor, rounds - 1));
        }
    }
    again(context.executor(), rounds);
    context.run();
}

/// An operation whose one step is another, which completes at once.
fn step(context: &IoContext, rounds: u64) {
    #[async_op]
    fn async_nothing(_executor: &IoExecutor, op: async_op::Completion<fn()>) {
        op.complete();
    }
    #[async_op]
    fn async_step(executor: &IoExecutor, op: async_op::Completion<fn(bool)>) {
        nothing(executor).callback_for(op, |op| op.complete(true));
    }
    fn again(executor: IoExecutor, rounds: u64) {
        if rounds > 0 {
            async_step(&executor, move |_: bool| again(executor, rounds - 1));
        }
    }
    again(context.executor(), rounds);
    context.run();
}

/// A group of two functions that are posted, with a callback.
fn group(context: &IoContext, rounds: u64) {
    fn again(executor: IoExecutor, rounds: u64) {
        if rounds > 0 {
            let call = || post_call(&executor, || (), Deferred);
            parallel_group((call(), call()))
                .wait(wait_for_all())
                .callback(move |_, ((), ())| again(executor, rounds - 1));
        }
    }
    again(context.executor(), rounds);
    context.run();
}

const HOUR: Duration = Duration::from_secs(3600);

/// A timer that is waited for, with a callback, and cancelled; again and again, or with
/// a `new` one each time.
fn timer(context: &IoContext, rounds: u64, new: bool) {
    fn again(timer: Timer, rounds: u64, new: bool) {
        if rounds > 0 {
            timer.expires_after(HOUR);
            let next = match new {
                true => Timer::new(&timer.executor()),
                false => timer.clone(),
            };
            timer.wait().callback(move |_| again(next, rounds - 1, new));
            timer.cancel();
        }
    }
    again(Timer::new(context), rounds, new);
    context.run();
}

/// A wait that is polled once, and dropped.
fn timer_future(context: &IoContext, rounds: u64, new: bool) {
    let cx = &mut Context::from_waker(Waker::noop());
    let mut timer = Timer::new(context);
    for _ in 0..rounds {
        if new {
            timer = Timer::new(context);
        }
        timer.expires_after(HOUR);
        let wait = pin!(timer.wait());
        assert!(matches!(wait.poll(cx), Poll::Pending));
    }
}

/// A sleep, with a callback, that is asked to stop.
fn sleeps(context: &IoContext, rounds: u64) {
    fn again(executor: IoExecutor, signal: Arc<CancellationSignal>, rounds: u64) {
        if rounds > 0 {
            let (next, slot) = (Arc::clone(&signal), signal.slot());
            let handler = move |_: io::Result<()>| again(executor, next, rounds - 1);
            async_sleep(&executor, HOUR, bind_cancellation_slot(slot, handler));
            signal.emit(CancellationType::TERMINAL);
        }
    }
    again(
        context.executor(),
        Arc::new(CancellationSignal::new()),
        rounds,
    );
    context.run();
}

/// One that is awaited, and dropped before its time.
fn sleeps_future(context: &IoContext, rounds: u64) {
    let executor = context.executor();
    let sleeps = async move {
        for _ in 0..rounds {
            let mut slept = pin!(sleep(&executor, HOUR));
            poll_fn(|cx| {
                let _ = slept.as_mut().poll(cx);
                Poll::Ready(())
            })
            .await;
        }
    };
    spawn(context, sleeps, Detached);
    context.run();
}

/// A message that is waited for, for an hour at most, and sent.
fn limit(context: &IoContext, rounds: u64) {
    fn again(channel: Channel<u64>, rounds: u64) {
        let next = channel.clone();
        let operation = channel.receive().cancel_after(HOUR);
        operation.callback(move |message: io::Result<u64>| {
            message.expect("it is sent");
            if rounds > 1 {
                again(next, rounds - 1);
            }
        });
        channel.try_send(rounds).expect("somebody waits");
    }

    again(Channel::new(context, 0), rounds);
    context.run();
}

/// The same, awaited.
fn limit_future(context: &IoContext, rounds: u64) {
    let channel = Channel::new(context, 1);
    let receives = async move {
        for n in 0..rounds {
            let mut message = pin!(channel.receive().cancel_after(HOUR));
            poll_fn(|cx| {
                // Mostly pending; what yields now and then is ready all the same.
                let _ = message.as_mut().poll(cx);
                Poll::Ready(())
            })
            .await;
            channel.try_send(n).expect("there is room");
            message.await.expect("it is sent");
        }
    };
    spawn(context, receives, Detached);
    context.run();
}

/// Two sockets on one context, one message to and fro, callbacks at both ends.
fn ping_pong(context: &IoContext, rounds: u64) {
    fn pass(stream: TcpStream, buffer: Vec<u8>, rounds: u64) {
        stream
            .read_some(buffer)
            .callback(move |result, mut buffer| {
                let n = result.expect("the message");
                buffer.truncate(n);
                stream
                    .write_some(buffer)
                    .callback(move |result, mut buffer| {
                        result.expect("the message is sent");
                        buffer.resize(64, 0);
                        if rounds > 1 {
                            pass(stream, buffer, rounds - 1);
                        }
                    });
            });
    }

    let (a, b) = pair(context).expect("a connection");
    pass(a.clone(), vec![0; 64], rounds);
    pass(b, vec![0; 64], rounds);
    a.write_some("ping").callback(|result| {
        result.expect("the first message");
    });
    context.run();
}

/// The same with spawned futures.
fn ping_pong_futures(context: &IoContext, rounds: u64) {
    async fn pass(stream: TcpStream, rounds: u64) -> io::Result<()> {
        let mut buffer = [0; 64];
        for _ in 0..rounds {
            let n = stream.read_some(&mut buffer).await?;
            stream.write_some(&buffer[..n]).await?;
        }
        Ok(())
    }

    let (a, b) = pair(context).expect("a connection");
    a.write_some("ping").callback(|result| {
        result.expect("the first message");
    });
    for end in [a, b] {
        spawn(context, pass(end, rounds), |result: io::Result<()>| {
            result.expect("messages");
        });
    }
    context.run();
}

/// The same with messages that fill their buffers, to be read and written whole.
fn read_whole(context: &IoContext, rounds: u64) {
    fn pass(stream: TcpStream, buffer: Vec<u8>, rounds: u64) {
        read_exact(&stream, buffer).callback(move |result, buffer| {
            result.expect("the message");
            write_all(&stream, buffer).callback(move |result, buffer| {
                result.expect("the message is sent");
                if rounds > 1 {
                    pass(stream, buffer, rounds - 1);
                }
            });
        });
    }

    let (a, b) = pair(context).expect("a connection");
    pass(a.clone(), vec![0; 64], rounds);
    pass(b, vec![0; 64], rounds);
    write_all(&a, vec![0; 64]).callback(|result, _| result.expect("the first message"));
    context.run();
}

fn pair(context: &IoContext) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(context, ([127, 0, 0, 1], 0).into())?;
    let client = TcpStream::connect(context, listener.local_addr()?).blocking()?;
    let (server, _) = listener.accept().blocking()?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    Ok((client, server))
}

/// An echo server with 64 connections.
fn echo(context: &IoContext, rounds: u64) {
    fn accept(listener: TcpListener, connections: u64) {
        if connections > 0 {
            let next = listener.clone();
            listener.accept().callback(move |result| {
                let (stream, _) = result.expect("a connection");
                serve(stream, vec![0; 1024]);
                accept(next, connections - 1);
            });
        }
    }
    fn serve(stream: TcpStream, buffer: Vec<u8>) {
        stream.read_some(buffer).callback(move |result, buffer| {
            if let Ok(n @ 1..) = result {
                write_all(&stream, buffer.range(..n)).callback(move |result, range| {
                    result.expect("the message is sent");
                    lockstep::echoed(n);
                    serve(stream, range.into_inner());
                });
            }
        });
    }

    let any = ([127, 0, 0, 1], 0).into();
    let listener = TcpListener::bind(context, any).expect("a listener");
    lockstep::begin(listener.local_addr().expect("an address"), 64, 64, rounds);
    accept(listener, 64);
    context.run();
}

/// A block of 192 bytes from the default allocator and back.
fn allocate(_: &IoContext, rounds: u64) {
    let layout = Layout::new::<[u64; 24]>();
    for _ in 0..rounds {
        let block = Recycling.allocate(layout).expect("memory");
        let block = std::hint::black_box(block).cast::<u8>();
        // SAFETY: allocated with this layout above.
        unsafe { Recycling.deallocate(block, layout) };
    }
}

type Make = fn() -> io::Result<IoContext>;
type Workload = fn(&IoContext, u64);

/// In a context for one thread, and where the name says so in one for any number.
const WORKLOADS: &[(&str, Make, Workload)] = &[
    ("allocate", IoContext::for_one_thread, allocate),
    ("repost", IoContext::for_one_thread, repost),
    ("repost-any", IoContext::new, repost),
    ("repost-two", IoContext::new, repost_two),
    ("fan-out", IoContext::for_one_thread, fan_out),
    ("post-on", IoContext::for_one_thread, post_callback),
    ("dispatch", IoContext::for_one_thread, dispatch),
    ("immediate", IoContext::for_one_thread, immediate),
    ("step", IoContext::for_one_thread, step),
    ("group", IoContext::for_one_thread, group),
    ("timer-cancel", IoContext::for_one_thread, |context, n| {
        timer(context, n, false);
    }),
    ("timer-new", IoContext::for_one_thread, |context, n| {
        timer(context, n, true);
    }),
    (
        "timer-reused-future",
        IoContext::for_one_thread,
        |context, n| {
            timer_future(context, n, false);
        },
    ),
    (
        "timer-new-future",
        IoContext::for_one_thread,
        |context, n| {
            timer_future(context, n, true);
        },
    ),
    ("sleep", IoContext::for_one_thread, sleeps),
    ("sleep-future", IoContext::for_one_thread, sleeps_future),
    ("limit", IoContext::for_one_thread, limit),
    ("limit-future", IoContext::for_one_thread, limit_future),
    ("ping-pong", IoContext::for_one_thread, ping_pong),
    ("ping-pong-any", IoContext::new, ping_pong),
    (
        "ping-pong-futures",
        IoContext::for_one_thread,
        ping_pong_futures,
    ),
    ("read-exact", IoContext::for_one_thread, read_whole),
    ("echo-64", IoContext::for_one_thread, echo),
];

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [name, rounds] = &arguments[..] {
        let rounds = rounds.parse().expect("a number of rounds");
        let (_, make, workload) = WORKLOADS
            .iter()
            .find(|(known, ..)| known == name)
            .expect("the name of a workload");
        workload(&make().expect("a context"), rounds);
        return;
    }
    for (name, make, workload) in WORKLOADS {
        let context = make().expect("a context");
        // As many as are counted: what happens seldom has happened.
        workload(&context, 11_000);
        context.restart();
        let mut allocations = [0, 0];
        for (count, rounds) in allocations.iter_mut().zip([1_000, 11_000]) {
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            workload(&context, rounds);
            context.restart();
            *count = ALLOCATIONS.load(Ordering::Relaxed) - before;
        }
        let [short, long] = allocations;
        let per_round = long.saturating_sub(short) as f64 / 10_000.0;
        println!("{name},heap allocations per round,{per_round}");
    }
}

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static GLOBAL: Counting = Counting;

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}
