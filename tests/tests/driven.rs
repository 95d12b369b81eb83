//! A context that a task of somebody else's runtime runs; and one that nobody does.
#![cfg(unix)]

use std::env;
use std::future::{Future, pending};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_op::executor::WorkGuard;
use async_op::io::{copy, read_exact, write_all};
use async_op::net::UnixStream;
use async_op::time::Timer;
use async_op::{Detached, IoContext, IoExecutor, SystemExecutor, is_timeout, spawn};
use async_op_tests::net::post;
use async_op_tests::{is_emulated, without_hanging};
use futures_lite::future::or;
use tokio::runtime::Runtime;

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(1);
/// More than the events of one look.
const CROWD: usize = 100;

/// What has to come to an end while the context is driven.
async fn work(context: Arc<IoContext>) {
    // Streams and limits.
    let (a, b) = UnixStream::pair(&context).unwrap();
    for n in 0..100_u8 {
        write_all(&a, &[n; 3][..]).await.unwrap();
        assert_eq!(read_exact(&b, [0; 3]).await.1, [n; 3]);
    }
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let error = timer.wait().cancel_after(SOON).await.unwrap_err();
    assert!(is_timeout(&error));
    // Posts of other threads, and a timer that one of them sets.
    let count = Arc::new(AtomicUsize::new(0));
    let (executor, counter) = (context.executor(), count.clone());
    let soon = Arc::new(Timer::new(&context));
    let other = soon.clone();
    thread::spawn(move || {
        for _ in 0..1000 {
            let counter = counter.clone();
            post(&executor, move || {
                counter.fetch_add(1, Ordering::SeqCst);
            });
        }
        other.expires_after(SOON);
    })
    .join()
    .unwrap();
    soon.wait().await.unwrap();
    while count.load(Ordering::SeqCst) < 1000 {
        timer.expires_after(SOON);
        timer.wait().await.unwrap();
    }
    // More events at once than one look brings, all of them for nobody but the last.
    let pairs: Vec<_> = (0..CROWD)
        .map(|_| UnixStream::pair(&context).unwrap())
        .collect();
    let (_, last) = pairs.last().unwrap();
    let all = async {
        for (stream, _) in &pairs {
            while stream.try_write_some(b"x").is_err() {}
        }
        pending().await
    };
    or(async { read_exact(last, [0]).await.0.unwrap() }, all).await;
    // A task that is always ready holds up nobody.
    let goes_on = Arc::new(AtomicBool::new(true));
    again(context.executor(), goes_on.clone());
    timer.expires_after(SOON);
    timer.wait().await.unwrap();
    goes_on.store(false, Ordering::SeqCst);
}

// With a handle of the context the last one, which is queued when that is stopped, would keep
// what it is queued in.
fn again(executor: IoExecutor, goes_on: Arc<AtomicBool>) {
    if goes_on.load(Ordering::SeqCst) {
        post(&executor, move || again(executor, goes_on));
    }
}

/// Drives it by turns, and ends that by a stop.
async fn all<F: Future<Output = std::io::Result<()>>>(drive: impl Fn(Arc<IoContext>) -> F) {
    let context = Arc::new(IoContext::new().unwrap());
    assert_eq!(context.run(), 0);
    assert!(context.stopped());
    for _ in 0..3 {
        // Dropped in the end, and begun again.
        let works = async {
            work(context.clone()).await;
            Ok(())
        };
        or(works, drive(context.clone())).await.unwrap();
    }
    let (timer, stopping) = (Timer::new(&context), context.clone());
    timer.expires_after(SOON);
    timer.wait().callback(move |_| stopping.stop());
    drive(context.clone()).await.unwrap();
    assert!(context.stopped());
    drive(context.clone()).await.unwrap(); // at once
}

#[test]
fn in_tokio_on_one_thread() {
    without_hanging(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let drive = async |context: Arc<IoContext>| context.drive_in_tokio().await;
        runtime.block_on(all(drive));
    });
}

#[test]
fn in_tokio_on_several_threads() {
    without_hanging(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(3)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let context = Arc::new(IoContext::new().unwrap());
            let driven = context.clone();
            let driver = tokio::spawn(async move { driven.drive_in_tokio().await });
            let tasks: Vec<_> = (0..8)
                .map(|_| tokio::spawn(work(context.clone())))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            context.stop();
            driver.await.unwrap().unwrap();
        });
    });
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build().unwrap()
}

/// Two contexts that talk with each other; and one that is driven twice is driven once.
#[test]
fn two_in_one_runtime() {
    for threads in [1, 2] {
        without_hanging(move || {
            let contexts = [(); 2].map(|()| Arc::new(IoContext::new().unwrap()));
            let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
            let [a, b] = [(a, &contexts[0]), (b, &contexts[1])].map(|(stream, context)| {
                stream.set_nonblocking(true).unwrap();
                UnixStream::from_std(context, stream).unwrap()
            });
            let runtime = runtime(threads);
            let drive = |context: &Arc<IoContext>| {
                let context = context.clone();
                runtime.spawn(async move { context.drive_in_tokio().await })
            };
            let drivers = contexts.each_ref().map(drive);
            runtime.block_on(async {
                let back = tokio::spawn(async move {
                    copy(&b, &b).await.result.unwrap();
                });
                let exchange = async |n: u8| {
                    write_all(&a, &[n; 4][..]).await.unwrap();
                    assert_eq!(read_exact(&a, [0; 4]).await.1, [n; 4]);
                };
                exchange(1).await;
                let error = drive(&contexts[0]).await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
                for n in 0..100 {
                    exchange(n).await;
                }
                drop(a);
                back.await.unwrap();
                for (context, driver) in contexts.iter().zip(drivers) {
                    context.stop();
                    driver.await.unwrap().unwrap();
                }
            });
        });
    }
}

/// A runtime that is shut down drives it no more; the next one goes on.
#[test]
fn the_runtime_goes_first() {
    for threads in [1, 2] {
        without_hanging(move || {
            let context = Arc::new(IoContext::new().unwrap());
            let (a, b) = UnixStream::pair(&context).unwrap();
            let reader = thread::spawn(move || pollster::block_on(read_exact(&a, [0; 4])).1);
            for round in 0..3 {
                let runtime = runtime(threads);
                let driven = context.clone();
                runtime.spawn(async move { driven.drive_in_tokio().await });
                runtime.block_on(async {
                    let timer = Timer::new(&context);
                    timer.expires_after(SOON);
                    timer.wait().await.unwrap();
                    if round == 2 {
                        write_all(&b, "done").await.unwrap();
                        while !reader.is_finished() {
                            tokio::task::yield_now().await;
                        }
                    }
                });
            }
            assert_eq!(&reader.join().unwrap(), b"done");
        });
    }
}

#[test]
fn in_async_io() {
    without_hanging(|| {
        let drive = async |context: Arc<IoContext>| context.drive_in_async_io().await;
        smol::block_on(all(drive));
        // Where the runtime does not wait in `async-io` itself.
        pollster::block_on(all(drive));
    });
}

/// A host that counts how often it looks.
#[test]
fn milliseconds_are_rounded_up() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let _work = WorkGuard::new(context.executor());
        assert_eq!(context.timeout_millis(), -1);
        let timer = Timer::new(&context);
        timer.expires_after(HOUR);
        timer.wait().detach();
        let millis = context.timeout_millis();
        assert!((3_590_000..=3_600_000).contains(&millis), "{millis}");
        timer.expires_at(std::time::Instant::now());
        context.poll();
        let far = Timer::new(&context);
        far.expires_after(HOUR * 24 * 365);
        far.wait().detach();
        assert_eq!(context.timeout_millis(), i32::MAX);
        let is_done = Arc::new(AtomicBool::new(false));
        for _ in 0..100 {
            timer.expires_after(Duration::from_micros(1500));
            let done = is_done.clone();
            timer
                .wait()
                .callback(move |_| done.store(true, Ordering::SeqCst));
            context.poll();
            let mut looks = 0;
            while !is_done.swap(false, Ordering::SeqCst) {
                let mut host = libc::pollfd {
                    fd: std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(&context)),
                    events: libc::POLLIN,
                    revents: 0,
                };
                // SAFETY: one entry, which lives until the call returns.
                unsafe { libc::poll(&raw mut host, 1, context.timeout_millis()) };
                context.poll();
                looks += 1;
            }
            // One to find that the timer is due; a busy machine may take away the first.
            assert!(looks <= 2, "{looks}");
        }
    });
}

const CHILD: &str = "ASYNC_OP_TESTS_CHILD";

/// Runs a test of this file once more, in a process of its own.
fn child(name: &str, kind: &str, watch: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, kind)
        .env("ASYNC_OP_WATCH", watch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "release builds do not look")]
fn who_waits_for_nobody_is_told() {
    if let Ok(kind) = env::var(CHILD) {
        let context = IoContext::new().unwrap();
        let timer = Timer::new(&context);
        timer.expires_after(SOON);
        match &*kind {
            "await" => {
                timer.expires_after(HOUR);
                pollster::block_on(timer.wait()).unwrap();
            }
            "driver gone" => {
                let runtime = runtime(1);
                runtime.block_on(or(async { timer.wait().await.unwrap() }, async {
                    context.drive_in_tokio().await.unwrap();
                }));
                timer.expires_after(HOUR);
                runtime.block_on(timer.wait()).unwrap();
            }
            "ran out" => {
                timer.wait().blocking().unwrap();
                let _work = WorkGuard::new(context.executor());
                let (a, _b) = UnixStream::pair(&context).unwrap();
                pollster::block_on(async { read_exact(&a, [0]).await.0.unwrap() });
            }
            _ => unreachable!(),
        }
        unreachable!("nobody runs it");
    }
    if is_emulated() {
        return;
    }
    for (kind, operation) in [
        ("await", "async_wait"),
        ("ran out", "async_read_exact"),
        ("driver gone", "async_wait"),
    ] {
        let mut child = child("who_waits_for_nobody_is_told", kind, "1")
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| Some(line.unwrap()).filter(|it| it.contains("async-op:")));
        let line = line.expect("it is told");
        assert!(line.contains(operation), "{line}");
        assert!(line.contains("nobody runs its `IoContext`"), "{line}");
        child.kill().unwrap();
        child.wait().unwrap();
        // Once.
        let rest: Vec<String> = lines.map(|it| it.unwrap()).collect();
        assert!(rest.iter().any(|it| it.contains("drive_in_tokio")));
        assert!(!rest.iter().any(|it| it.contains("has waited")), "{rest:?}");
    }
}

#[test]
fn who_waits_for_somebody_is_not() {
    const LONG: Duration = Duration::from_millis(1300);
    if let Ok(kind) = env::var(CHILD) {
        let context = Arc::new(IoContext::new().unwrap());
        let timer = Timer::new(&context);
        timer.expires_after(LONG);
        match &*kind {
            "blocking" => timer.wait().blocking().unwrap(),
            "callback" => {
                timer.wait().detach();
                context.run();
            }
            "future" => {
                spawn(
                    &*context,
                    async move { timer.wait().await.unwrap() },
                    Detached,
                );
                context.run();
            }
            "system" => {
                let timer = Timer::new(&SystemExecutor);
                timer.expires_after(LONG);
                pollster::block_on(timer.wait()).unwrap();
            }
            "thread" => {
                let _work = WorkGuard::new(context.executor());
                let runs = context.clone();
                thread::spawn(move || runs.run());
                pollster::block_on(timer.wait()).unwrap();
            }
            "tokio" => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async move {
                    let wait = timer.wait();
                    tokio::spawn(async move { context.drive_in_tokio().await });
                    wait.await.unwrap();
                }),
            "dropped" => {
                let other = Timer::new(&SystemExecutor);
                other.expires_after(LONG);
                let short = async {
                    or(async { timer.wait().await.unwrap() }, async {}).await;
                    other.wait().await.unwrap();
                };
                pollster::block_on(short);
            }
            "silenced" => {
                let other = Timer::new(&SystemExecutor);
                other.expires_after(LONG);
                let both = or(timer.wait(), other.wait());
                pollster::block_on(both).unwrap();
            }
            _ => unreachable!(),
        }
        return;
    }
    if is_emulated() {
        return;
    }
    let kinds = [
        "blocking", "callback", "future", "system", "thread", "tokio", "dropped", "silenced",
    ];
    let children = kinds.map(|kind| {
        let watch = if kind == "silenced" { "0" } else { "1" };
        child("who_waits_for_somebody_is_not", kind, watch)
            .spawn()
            .unwrap()
    });
    for (mut child, kind) in children.into_iter().zip(kinds) {
        let mut said = String::new();
        let stderr = child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{kind}: {said}");
        assert!(!said.contains("async-op:"), "{kind}: {said}");
    }
}
