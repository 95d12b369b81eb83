//! An operation that has not started is a future, wherever one is taken: by combinators and
//! spawners of anybody's, in a `Box`, pinned, or in our own `spawn`.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_op::net::{TcpListener, TcpStream};
use async_op::time::Timer;
use async_op::{
    Blocking, Completion, IoContext, IoExecutor, SystemExecutor, UseFuture, async_op, is_cancelled,
    post_on, spawn,
};
use futures::future::{FutureExt, join_all, select, try_join_all};
use futures::stream::{FuturesUnordered, StreamExt};

#[async_op]
async fn async_half(_on: &SystemExecutor, n: u32) -> io::Result<u32> {
    post_on(&SystemExecutor, UseFuture).await;
    match n % 2 {
        0 => Ok(n / 2),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[async_op]
fn async_twice(_on: &SystemExecutor, n: u32, op: Completion<fn(u32)>) {
    op.complete(2 * n);
}

fn timer(duration: Duration) -> Timer {
    let timer = Timer::new(&SystemExecutor);
    timer.expires_after(duration);
    timer
}

const SOON: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn in_join() {
    let soon = timer(SOON);
    let all = async {
        futures::join!(
            half(&SystemExecutor, 8),
            twice(&SystemExecutor, 8),
            soon.wait()
        )
    };
    let (half, twice, waited) = pollster::block_on(all);
    assert_eq!((half.unwrap(), twice), (4, 16));
    waited.unwrap();
}

#[test]
fn in_try_join() {
    let each = |numbers: [u32; 3]| {
        pollster::block_on(try_join_all(numbers.map(|n| half(&SystemExecutor, n))))
    };
    assert_eq!(each([2, 4, 6]).unwrap(), [1, 2, 3]);
    assert_eq!(
        each([2, 3, 6]).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
    let both = async { futures::try_join!(half(&SystemExecutor, 2), half(&SystemExecutor, 4)) };
    assert_eq!(pollster::block_on(both).unwrap(), (1, 2));
    let all = join_all((0..100).map(|n| twice(&SystemExecutor, n)));
    assert!(
        pollster::block_on(all)
            .into_iter()
            .eq((0..100).map(|n| 2 * n))
    );
}

#[test]
fn in_select() {
    let (soon, late) = (timer(SOON), timer(HOUR));
    pollster::block_on(async {
        let (mut first, mut second) = (pin!(soon.wait().fuse()), pin!(late.wait().fuse()));
        futures::select! {
            result = first => result.unwrap(),
            _ = second => unreachable!("an hour"),
        }
        soon.expires_after(SOON);
        select(Box::pin(late.wait()), Box::pin(soon.wait())).await;
    });
    // All that lost have been deregistered, but for the one that is still there.
    assert_eq!(late.cancel(), 0);
}

#[test]
fn in_futures_unordered() {
    let mut all: FuturesUnordered<_> = (0..100).map(|n| twice(&SystemExecutor, n)).collect();
    let sum = pollster::block_on(async {
        let mut sum = 0;
        while let Some(n) = all.next().await {
            sum += n;
        }
        sum
    });
    assert_eq!(sum, 99 * 100);
}

#[test]
fn in_a_box_and_pinned() {
    assert_eq!(pollster::block_on(Box::pin(twice(&SystemExecutor, 4))), 8);
    let operation = pin!(half(&SystemExecutor, 4));
    assert_eq!(pollster::block_on(operation).unwrap(), 2);
    let boxed: Vec<std::pin::Pin<Box<dyn Future<Output = u32> + Send>>> = vec![
        Box::pin(twice(&SystemExecutor, 1)),
        Box::pin(half(&SystemExecutor, 4).map(|half| half.unwrap())),
        Box::pin(async { 5 }),
    ];
    assert_eq!(pollster::block_on(join_all(boxed)), [2, 2, 5]);
}

#[test]
fn in_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let half = tokio::spawn(half(&SystemExecutor, 8));
        let twice = tokio::spawn(twice(&SystemExecutor, 8));
        assert_eq!(half.await.unwrap().unwrap(), 4);
        assert_eq!(twice.await.unwrap(), 16);
        let late = timer(HOUR);
        let waited = tokio::time::timeout(SOON, late.wait()).await;
        assert!(waited.is_err());
        assert_eq!(late.cancel(), 0);
        let mut set = tokio::task::JoinSet::new();
        for n in 0..10 {
            set.spawn(self::twice(&SystemExecutor, n));
        }
        assert_eq!(set.join_all().await.iter().sum::<u32>(), 90);
    });
    assert_eq!(smol::block_on(smol::spawn(twice(&SystemExecutor, 3))), 6);
}

#[test]
fn in_our_own_spawn() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(SOON);
    spawn(&context, timer.wait(), Blocking).unwrap();
    let sum = spawn(
        &context,
        async { half(&SystemExecutor, 4).await.unwrap() + twice(&SystemExecutor, 4).await },
        Blocking,
    );
    assert_eq!(sum, 10);
    // A limit ends it wherever it is.
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);
    let cancelled = spawn(&context, timer.wait(), UseFuture);
    let mut cancelled = pin!(cancelled);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(cancelled.as_mut().poll(&mut cx).is_pending());
    context.poll();
    assert_eq!(timer.cancel(), 1);
    context.run();
    let Poll::Ready(result) = cancelled.poll(&mut cx) else {
        panic!("it is over")
    };
    assert!(is_cancelled(&result.unwrap_err()));
}

/// What an operation is kept in is as large as before it was a future: this crate's own hold
/// their executor, their work and what they wait by, and no operation is there twice.
#[test]
#[cfg(target_pointer_width = "64")]
#[allow(
    clippy::redundant_async_block,
    reason = "it is what awaits that is measured"
)]
fn is_not_there_twice() {
    // With more in each, where they are traced.
    if cfg!(not(feature = "tracing")) {
        let timer = timer(HOUR);
        assert_eq!(size_of_val(&timer.wait()), 48);
        let sizes = [
            size_of_val(&async { timer.wait().await }),
            size_of_val(&async { timer.async_wait(UseFuture).await }),
        ];
        assert_eq!(sizes, [64, 64]);
    }
    let operation = kept(&SystemExecutor, [0; 4096]);
    let size = size_of_val(&operation);
    // Where it comes from, and where it is awaited.
    let awaited = size_of_val(&async { operation.await });
    assert!(awaited <= 2 * size + 64, "{size}, {awaited}");
    // There alone.
    let awaited = size_of_val(&async { kept(&SystemExecutor, [0; 4096]).await });
    assert!(awaited <= size + 64, "{size}, {awaited}");
}

#[async_op]
async fn async_kept(_on: &SystemExecutor, bytes: [u8; 4096]) -> u8 {
    bytes[0]
}

fn is_send_and_sync<T: Future + Send + Sync>(_: T) {}

#[async_op]
async fn async_waits(on: &IoExecutor) -> io::Result<()> {
    let timer = Timer::new(on);
    timer.wait().await?;
    half(&SystemExecutor, 2).await?;
    twice(&SystemExecutor, 2).await;
    Ok(())
}

#[test]
fn is_sync_where_what_it_holds_is() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    is_send_and_sync(timer.wait());
    is_send_and_sync(timer.wait().cancel_after(SOON));
    is_send_and_sync(timer.wait().map(|result| result.is_ok()));
    is_send_and_sync(listener.accept());
    is_send_and_sync(TcpStream::connect(&context, address));
    is_send_and_sync(half(&SystemExecutor, 2));
    is_send_and_sync(twice(&SystemExecutor, 2));
    is_send_and_sync(waits(&context));
    is_send_and_sync(post_on(&context, UseFuture));
    is_send_and_sync(spawn(&context, async {}, UseFuture));
    is_send_and_sync(async {
        let stream = TcpStream::connect(&context, address).await.unwrap();
        stream.write_some(&b"x"[..]).await.unwrap();
        stream.read_some(&mut [0; 1][..]).await.unwrap();
    });
    // hyper asks that of a sleep.
    let _: Box<dyn Future<Output = io::Result<()>> + Send + Sync> = Box::new(timer.wait());
}
