//! I/O objects on an executor other than their context's: what has no executor of its own ends
//! there, what is composed takes its steps there, and work is counted there and on the context.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_op::adapter::bind_immediate_executor;
use async_op::executor::{AnyExecutor, Home, HomeExecutor, InlineOr, Strand, ThreadPool};
use async_op::group::{parallel_group, wait_for_all};
use async_op::io::{
    AsyncReadStream, AsyncWriteStream, Transfer, read, read_exact, read_until, write_all,
};
use async_op::net::{AnyStream, Resolver, TcpListener, TcpStream, UdpSocket};
use async_op::time::{Timer, WallTimer};
use async_op::{
    Blocking, Executor, IoContext, IoExecutor, IoObject, async_op, bind_executor, cancel_after,
    is_cancelled, is_timeout, spawn,
};
use async_op_tests::net::{half_pair, listen, pair};
use async_op_tests::{Log, Manual, without_hanging};

type OnStrand<E = IoExecutor> = Strand<E>;

const HOUR: Duration = Duration::from_secs(3600);

/// A stream on an executor that is run by hand, its peer, and the context.
fn on_manual(log: &Log) -> (IoContext, Manual, TcpStream<Manual>, std::net::TcpStream) {
    let context = IoContext::new().unwrap();
    let manual = Manual::new("m", log);
    let (stream, peer) = half_pair(&context);
    (context, manual.clone(), stream.on(&manual), peer)
}

/// Writes where it is called.
fn noting<T>(log: &Log, on: &impl Executor) -> impl FnOnce(T) + Send + 'static {
    let (log, on) = (log.clone(), on.clone());
    move |_| log.push(if on.runs_here() { "here" } else { "elsewhere" })
}

#[test]
fn a_handler_is_called_there_and_the_system_asked_by_the_context() {
    let log = Log::new();
    let (context, manual, stream, mut peer) = on_manual(&log);
    let done = noting(&log, &manual);
    let reading = Arc::new(AtomicUsize::new(0));
    let n = reading.clone();
    stream
        .read_some([0; 16])
        .callback(move |result: io::Result<usize>, _| {
            n.store(result.unwrap(), Ordering::SeqCst);
            done(());
        });
    assert_eq!((log.take().as_str(), manual.work()), ("", 1));
    assert_eq!(context.poll(), 0);
    assert!(!context.stopped()); // it is work of the context, too
    io::Write::write_all(&mut peer, b"hello").unwrap();
    assert_eq!(context.run(), 1);
    assert_eq!((log.take().as_str(), manual.work()), ("post:m", 1));
    assert_eq!(manual.run(), 1);
    assert_eq!((log.take().as_str(), manual.work()), ("here", 0));
    assert_eq!(reading.load(Ordering::SeqCst), 5);
}

#[test]
fn what_completes_at_once_is_posted_there() {
    let log = Log::new();
    let (context, manual, stream, _peer) = on_manual(&log);
    let done = noting(&log, &manual);
    stream
        .write_some("hello")
        .callback(move |result: io::Result<usize>| {
            assert_eq!(result.unwrap(), 5);
            done(());
        });
    assert_eq!((log.take().as_str(), manual.work()), ("post:m", 1));
    assert_eq!(context.run(), 0);
    assert_eq!(manual.run(), 1);
    assert_eq!((log.take().as_str(), manual.work()), ("here", 0));
}

#[test]
fn an_immediate_executor_calls_what_has_no_executor_of_its_own() {
    let log = Log::new();
    let (_context, manual, stream, _peer) = on_manual(&log);
    let done = noting(&log, &manual);
    let here = InlineOr(manual.clone());
    let token = bind_immediate_executor(here, move |_: io::Result<usize>| done(()));
    stream.async_write_some("hello", token);
    // Inside of the initiating function, which is not on it.
    assert_eq!((log.take().as_str(), manual.work()), ("elsewhere", 0));
}

#[test]
fn a_binder_wins() {
    let log = Log::new();
    let (context, manual, stream, _peer) = on_manual(&log);
    let other = Manual::new("other", &log);
    let done = noting(&log, &other);
    let token = bind_executor(other.clone(), move |_: io::Result<usize>| done(()));
    stream.async_write_some("hello", token);
    assert_eq!((manual.work(), other.work()), (0, 1));
    assert_eq!(context.run(), 0);
    assert_eq!((manual.run(), other.run()), (0, 1));
    assert_eq!(log.take(), "post:other here");
}

#[test]
fn composed_operations_take_their_steps_there() {
    let log = Log::new();
    let (context, manual, stream, mut peer) = on_manual(&log);

    // Leaves: all reads on the context, the handler alone here.
    let done = noting(&log, &manual);
    read_exact(&stream, [0; 4]).callback(move |result: io::Result<()>, _| {
        result.unwrap();
        done(());
    });
    for half in [b"ab", b"cd"] {
        io::Write::write_all(&mut peer, half).unwrap();
        until(&context, || manual.queued() == 1 || half == b"ab");
    }
    until(&context, || manual.queued() == 1);
    assert_eq!(log.take(), "post:m");
    assert_eq!((manual.run(), manual.work()), (1, 0));
    assert_eq!(log.take(), "here");

    // A frame: the condition is the caller's.
    let done = noting(&log, &manual);
    let (inner, on) = (log.clone(), manual.clone());
    let condition = move |n: usize| {
        inner.push(if on.runs_here() { "asked" } else { "begun" });
        4 - n
    };
    read(&stream, [0; 4], condition).callback(move |transfer: Transfer, _| {
        assert_eq!(transfer.bytes, 4);
        done(());
    });
    assert_eq!(log.take(), "begun"); // within the initiating function
    assert_eq!(manual.work(), 1);
    assert_eq!(context.poll(), 0);
    assert!(!context.stopped());
    io::Write::write_all(&mut peer, b"efgh").unwrap();
    until(&context, || manual.queued() == 1);
    assert_eq!(log.take(), "post:m");
    assert_eq!((manual.run(), manual.work()), (1, 0));
    assert_eq!(log.take(), "asked here");

    // A frame that appends.
    let done = noting(&log, &manual);
    read_until(&stream, Vec::new(), b'\n').callback(move |result: io::Result<usize>, line| {
        assert_eq!((result.unwrap(), line.len()), (3, 3));
        done(());
    });
    io::Write::write_all(&mut peer, b"ij\n").unwrap();
    until(&context, || manual.queued() == 1);
    assert_eq!(log.take(), "post:m");
    assert_eq!((manual.run(), manual.work()), (1, 0));
    assert_eq!(log.take(), "here");

    let done = noting(&log, &manual);
    write_all(&stream, "hello").callback(move |result: io::Result<()>| {
        result.unwrap();
        done(());
    });
    assert_eq!(log.take(), "post:m");
    assert_eq!((manual.run(), manual.work()), (1, 0));
    assert_eq!(log.take(), "here");
}

fn until(context: &IoContext, mut condition: impl FnMut() -> bool) {
    context.restart();
    while !condition() {
        context.poll_one();
    }
}

/// Of an author: its executor is the object's.
#[async_op]
async fn async_twice<E: HomeExecutor>(timer: &Timer<E>, log: Log) -> io::Result<()> {
    for _ in 0..2 {
        timer.expires_after(Duration::from_millis(100));
        timer.wait().await?;
        log.push("step");
    }
    Ok(())
}

#[test]
fn an_operation_of_an_author_is_polled_there() {
    let log = Log::new();
    let context = IoContext::new().unwrap();
    let manual = Manual::new("m", &log);
    let timer = Timer::new(&context).on(&manual);
    let done = noting(&log, &manual);
    async_twice(&timer, log.clone(), move |result: io::Result<()>| {
        result.unwrap();
        done(());
    });
    for _ in 0..2 {
        until(&context, || manual.queued() == 1);
        assert_eq!(manual.run(), 1);
    }
    assert_eq!(log.take(), "post:m step post:m step here");
    assert_eq!(manual.work(), 0);
    context.restart();
    assert_eq!(context.run(), 0);
}

#[test]
fn a_wait_of_either_timer_ends_there() {
    let log = Log::new();
    let context = IoContext::new().unwrap();
    let manual = Manual::new("m", &log);
    let timer = Timer::new(&context).on(&manual);
    timer.expires_after(HOUR);
    timer.wait().callback(noting(&log, &manual));
    assert_eq!(manual.work(), 1);
    assert_eq!(timer.cancel(), 1);
    assert_eq!(
        (log.take().as_str(), manual.run(), manual.work()),
        ("post:m", 1, 0)
    );
    assert_eq!(log.take(), "here");

    let timer = WallTimer::new(&context).on(&manual);
    timer.expires_at(std::time::SystemTime::now() + HOUR);
    timer.wait().callback(noting(&log, &manual));
    assert_eq!(manual.work(), 1);
    assert_eq!(timer.cancel(), 1);
    assert_eq!(
        (log.take().as_str(), manual.run(), manual.work()),
        ("post:m", 1, 0)
    );
    assert_eq!(log.take(), "here");
}

#[test]
fn limits_on_time_are_of_the_context() {
    let log = Log::new();
    let (context, manual, stream, _peer) = on_manual(&log);
    let done = noting(&log, &manual);
    let token = cancel_after(
        Duration::from_millis(1),
        move |result: io::Result<usize>, _| {
            assert!(is_timeout(&result.unwrap_err()));
            done(());
        },
    );
    stream.async_read_some([0; 16], token);
    context.run(); // which returns, once the time has come
    assert_eq!(
        (log.take().as_str(), manual.run(), manual.work()),
        ("post:m", 1, 0)
    );
    assert_eq!(log.take(), "here");
}

#[test]
fn members_of_a_group_and_what_is_spawned() {
    let log = Log::new();
    let (context, manual, stream, _peer) = on_manual(&log);
    let timer = Timer::new(&context).on(&manual);
    // Not before something waits, on a slow machine either.
    timer.expires_after(Duration::from_millis(300));
    let group = parallel_group((timer.wait(), stream.write_some("hello")));
    let done = noting(&log, &manual);
    group
        .wait(wait_for_all())
        .callback(move |order, (timer, write): (io::Result<()>, _)| {
            assert_eq!((order, io::Result::unwrap(write)), ([1, 0], 5));
            timer.unwrap();
            done(());
        });
    until(&context, || manual.queued() == 1);
    manual.run();
    assert_eq!(log.take().split(' ').next_back(), Some("here"));
    assert_eq!(manual.work(), 0);

    // What is spawned on an object is spawned on its executor.
    let task = |log: &Log| {
        let (inner, on) = (log.clone(), manual.clone());
        async move {
            assert!(on.runs_here());
            inner.push("spawned");
        }
    };
    spawn(&stream, task(&log), noting::<()>(&log, &manual));
    assert_eq!(manual.run(), 1);
    let on_object = log.take();
    spawn(&manual, task(&log), noting::<()>(&log, &manual));
    assert_eq!(manual.run(), 1);
    assert_eq!((on_object, manual.work()), (log.take(), 0));
}

#[test]
fn blocking_drives_the_context_of_the_object() {
    without_hanging(|| {
        let log = Log::new();
        let (_context, manual, stream, mut peer) = on_manual(&log);
        let mut buffer = [0; 5];
        let thread = thread::spawn(move || io::Write::write_all(&mut peer, b"hello"));
        // Nobody runs the executor.
        read_exact(&stream, &mut buffer).blocking().unwrap();
        assert_eq!((&buffer, manual.work()), (b"hello", 0));
        thread.join().unwrap().unwrap();
        let limited = stream
            .read_some(&mut buffer)
            .cancel_after(Duration::from_millis(1));
        // The peer has gone, or the time is up.
        drop(limited.blocking());
        assert_eq!((log.take().as_str(), manual.work()), ("", 0));
    });
}

#[test]
fn what_is_awaited_is_work_on_both_until_it_is_over_or_dropped() {
    let log = Log::new();
    let context = IoContext::new().unwrap();
    let manual = Manual::new("m", &log);
    let timer = Timer::new(&context).on(&manual);
    timer.expires_after(HOUR);
    let mut wait = Box::pin(timer.wait());
    assert_eq!(manual.work(), 0); // not yet
    let waker = std::task::Waker::noop();
    assert!(async_op_tests::net::poll_with(wait.as_mut(), waker).is_pending());
    assert_eq!(manual.work(), 1);
    assert_eq!(context.poll(), 0);
    assert!(!context.stopped());
    drop(wait);
    assert_eq!(manual.work(), 0);
    context.restart();
    assert_eq!(context.run(), 0);
    assert!(context.stopped());
}

#[test]
fn the_drop_of_the_context_is_told_there() {
    let log = Log::new();
    let (context, manual, stream, _peer) = on_manual(&log);
    let done = noting(&log, &manual);
    let told = log.clone();
    stream
        .read_some([0; 16])
        .callback(move |result: io::Result<usize>, _| {
            let error = result.unwrap_err();
            told.push(format!("{:?}", error.kind()));
            assert!(!is_cancelled(&error));
            done(());
        });
    drop(context);
    assert_eq!(
        (log.take().as_str(), manual.run(), manual.work()),
        ("post:m", 1, 0)
    );
    assert_eq!(log.take(), "Other here");
}

#[test]
fn a_strand_of_the_context_goes_with_it() {
    let log = Log::new();
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    let (stream, _peer) = half_pair(&context);
    let dropped = Arc::new(());
    let (kept, inner) = (dropped.clone(), log.clone());
    let stream = stream.on(&strand);
    stream
        .read_some([0; 16])
        .callback(move |_: io::Result<usize>, _| {
            inner.push("called");
            drop(kept);
        });
    drop(context);
    assert_eq!((Arc::strong_count(&dropped), log.take().as_str()), (1, ""));
}

#[test]
fn a_listener_gives_streams_of_its_own_executor() {
    let log = Log::new();
    let context = IoContext::new().unwrap();
    let (manual, other) = (Manual::new("m", &log), Manual::new("other", &log));
    let listener = listen(&context).on(&manual);
    let address = listener.local_addr().unwrap();
    let done = noting(&log, &manual);
    let (on, peer_log, session) = (manual.clone(), log.clone(), other.clone());
    listener.accept().callback(move |result: io::Result<_>| {
        let (stream, _): (TcpStream<Manual>, _) = result.unwrap();
        done(());
        stream.write_some("hello").callback(noting(&peer_log, &on));
        // Or one of its own.
        stream
            .on(&session)
            .write_some("hello")
            .callback(noting(&peer_log, &session));
    });
    // A client whose connecting ends there, too, and who stays there.
    let done = noting(&log, &manual);
    let on = manual.clone();
    TcpStream::connect_on(&context, &manual, address).callback(move |result: io::Result<_>| {
        let stream: TcpStream<Manual> = result.unwrap();
        assert!(*stream.executor().inner() == on);
        done(());
    });
    assert_eq!(manual.work(), 2);
    until(&context, || manual.queued() == 2);
    assert_eq!((manual.run(), other.run()), (3, 1));
    let mut entries: Vec<_> = log.take().split(' ').map(String::from).collect();
    entries.sort();
    let sorted = "here here here here post:m post:m post:m post:other";
    assert_eq!(entries.join(" "), sorted);
    assert_eq!((manual.work(), other.work()), (0, 0));
}

#[test]
fn it_becomes_a_socket_of_the_system_again_and_comes_home() {
    let log = Log::new();
    let (_context, manual, stream, _peer) = on_manual(&log);
    let clone = stream.clone().at_home();
    let stream = stream.into_std().unwrap_err(); // not the only handle
    assert!(*stream.executor().inner() == manual);
    drop(stream);
    let stream: TcpStream = clone;
    let _any = AnyStream::new(stream.clone()).on(&manual);
    drop(_any);
    let _socket: std::net::TcpStream = stream.into_std().unwrap();
}

#[test]
fn a_handle_that_is_at_home_is_one_word() {
    assert_eq!(size_of::<TcpStream>(), size_of::<usize>());
    assert_eq!(size_of::<Timer>(), size_of::<usize>());
    assert_eq!(size_of::<Home>(), 0);
    assert_eq!(size_of::<TcpStream<OnStrand>>(), 2 * size_of::<usize>());
}

/// Names each type with an executor of its own.
#[test]
fn all_objects_and_executors_of_any_kind() {
    fn is_of<O: IoObject>(object: &O) -> O::Executor {
        object.executor()
    }
    let context = IoContext::new().unwrap();
    let any = AnyExecutor::new(Strand::new(context.executor()));
    let pool = ThreadPool::new(1).unwrap();
    let (a, b) = pair(&context);
    is_of(&a.on(&any));
    is_of(&AnyStream::new(b).on(&pool.executor()));
    is_of(
        &TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())
            .unwrap()
            .on(&any),
    );
    is_of(
        &UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into())
            .unwrap()
            .on(&any),
    );
    is_of(&Resolver::new(&context).on(&any));
    is_of(
        &Timer::new(&context)
            .on(&any)
            .with_default_token::<Blocking>(),
    );
    is_of(&WallTimer::new(&context).on(&context.executor()));
    #[cfg(unix)]
    {
        use async_op::net::{UnixDatagram, UnixStream, connect_pipe};
        let (a, b) = UnixStream::pair(&context).unwrap();
        is_of(&(a.on(&any).executor(), b.on(&any)).1);
        let (a, _) = UnixDatagram::pair(&context).unwrap();
        is_of(&a.on(&any));
        let (reader, writer) = connect_pipe(&context).unwrap();
        is_of(&reader.on(&any));
        is_of(&writer.on(&any));
        let signals = async_op::signal::SignalSet::new(&context, [libc::SIGUSR1]).unwrap();
        is_of(&signals.on(&any));
    }
    let blocking = Timer::new(&context)
        .on(&any)
        .with_default_token::<Blocking>();
    blocking.wait().unwrap();
}

/// Echoes on a strand, by callback, with nothing bound; `inside` is entered by each step.
fn echo<S>(stream: S, strand: Strand<IoExecutor>, inside: Arc<Inside>, left: usize)
where
    S: AsyncReadStream + AsyncWriteStream,
{
    inside.enter(&strand);
    if left == 0 {
        return;
    }
    let writer = stream.clone();
    read_exact(&stream, [0; 8]).callback(move |result: io::Result<()>, buffer| {
        result.unwrap();
        inside.enter(&strand);
        let next = writer.clone();
        write_all(&writer, buffer).callback(move |result: io::Result<()>, _| {
            result.unwrap();
            echo(next, strand, inside, left - 1);
        });
    });
}

/// Where two may not be at once.
#[derive(Default)]
struct Inside {
    is_taken: AtomicBool,
    times: AtomicUsize,
}

impl Inside {
    fn enter(&self, strand: &impl Executor) {
        assert!(strand.runs_here());
        assert!(!self.is_taken.swap(true, Ordering::SeqCst));
        self.times.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        assert!(self.is_taken.swap(false, Ordering::SeqCst));
    }
}

#[test]
fn with_threads_handlers_and_steps_never_overlap_and_never_leave_the_strand() {
    const ROUNDS: usize = 200;
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let strand = Strand::new(context.executor());
        let inside = Arc::new(Inside::default());
        let mut clients = Vec::new();
        for _ in 0..4 {
            let (ours, theirs) = half_pair(&context);
            clients.push(theirs);
            let (strand, inside) = (strand.clone(), inside.clone());
            let ours = ours.on(&strand);
            async_op_tests::net::post(&strand.clone(), move || {
                echo(ours, strand, inside, ROUNDS);
            });
        }
        // And futures, whose steps are polled there.
        for _ in 0..2 {
            let timer = Timer::new(&context).on(&strand);
            let (on, inside) = (strand.clone(), inside.clone());
            let ticking = timer.clone();
            let ticks = async move {
                for _ in 0..ROUNDS {
                    inside.enter(&on);
                    ticking.expires_after(Duration::from_micros(50));
                    ticking.wait().await.unwrap();
                    inside.enter(&on);
                }
            };
            spawn(&timer, ticks, |()| ());
        }
        thread::scope(|scope| {
            for mut client in clients {
                scope.spawn(move || {
                    for n in 0..ROUNDS {
                        let sent = [n as u8; 8];
                        io::Write::write_all(&mut client, &sent).unwrap();
                        let mut back = [0; 8];
                        io::Read::read_exact(&mut client, &mut back).unwrap();
                        assert_eq!(sent, back);
                    }
                });
            }
            for _ in 0..3 {
                scope.spawn(|| context.run());
            }
        });
        let of_echoes = 4 * (2 * ROUNDS + 1);
        let of_ticks = 2 * 2 * ROUNDS;
        assert_eq!(inside.times.load(Ordering::SeqCst), of_echoes + of_ticks);
    });
}
