//! What the tests of sockets and timers share.

#[cfg(target_os = "linux")]
use std::fs;
use std::future::poll_fn;
#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
#[cfg(not(target_os = "linux"))]
use std::time::{Duration, Instant};

use async_op::initiation::{Meta, from_future};
use async_op::net::{TcpListener, TcpStream};
use async_op::{Blocking, Executor, IoContext, IoExecutor, async_initiate};

use crate::Polled;

/// A thread, as the system sees it.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug)]
pub struct ThreadId(PathBuf);

#[cfg(target_os = "linux")]
impl ThreadId {
    /// The calling thread.
    pub fn current() -> Self {
        let link = fs::read_link("/proc/thread-self").unwrap();
        Self(PathBuf::from("/proc").join(link))
    }

    /// Returns once the thread waits for the events of a context.
    pub fn until_it_waits_for_events(&self) {
        self.until_in(&["232", "281", "441", "22"]); // x86-64, then arm64
    }

    /// Returns once the thread waits for a lock, a condition or to be unparked.
    pub fn until_it_is_parked(&self) {
        self.until_in(&["202", "98"]);
    }

    fn until_in(&self, calls: &[&str]) {
        loop {
            let line = fs::read_to_string(self.0.join("syscall")).unwrap_or_default();
            let call = line.split(' ').next().unwrap_or_default();
            if calls.contains(&call) {
                return;
            }
            thread::yield_now();
        }
    }
}

/// A thread, where the system does not tell what it waits for.
#[cfg(not(target_os = "linux"))]
#[derive(Clone, Debug)]
pub struct ThreadId(#[allow(dead_code, reason = "shown")] thread::ThreadId);

#[cfg(not(target_os = "linux"))]
impl ThreadId {
    /// The calling thread.
    pub fn current() -> Self {
        Self(thread::current().id())
    }

    /// Gives the thread time to wait for the events of a context. What is tested holds where
    /// it has not come to that, too; then it says less.
    pub fn until_it_waits_for_events(&self) {
        let end = Instant::now() + Duration::from_millis(50);
        while Instant::now() < end {
            thread::yield_now();
        }
    }

    /// Gives the thread time to wait for a lock, a condition or to be unparked.
    pub fn until_it_is_parked(&self) {
        self.until_it_waits_for_events();
    }
}

/// Two ends of one connection, both on `context`.
pub fn pair(context: &IoContext) -> (TcpStream, TcpStream) {
    let (a, b) = std_pair();
    (
        TcpStream::from_std(context, a).unwrap(),
        TcpStream::from_std(context, b).unwrap(),
    )
}

/// One end on `context`, the other a blocking socket of the standard library.
pub fn half_pair(context: &IoContext) -> (TcpStream, std::net::TcpStream) {
    let (a, b) = std_pair();
    (TcpStream::from_std(context, a).unwrap(), b)
}

/// Two ends of one connection.
pub fn std_pair() -> (std::net::TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let a = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (b, _) = listener.accept().unwrap();
    (a, b)
}

/// A stream within one machine: a Unix socket, where there are such.
#[cfg(not(unix))]
pub use async_op::net::TcpStream as LocalStream;
#[cfg(unix)]
pub use async_op::net::UnixStream as LocalStream;

/// That of the standard library.
#[cfg(not(unix))]
pub use std::net::TcpStream as StdLocalStream;
#[cfg(unix)]
pub use std::os::unix::net::UnixStream as StdLocalStream;

/// Two ends of one local connection, both on `context`.
pub fn local_pair(executor: &IoExecutor) -> (LocalStream, LocalStream) {
    let (a, b) = std_local_pair();
    (
        LocalStream::from_std(executor, a).unwrap(),
        LocalStream::from_std(executor, b).unwrap(),
    )
}

/// One end on the context of `executor`, the other a blocking socket of the standard library.
pub fn half_local_pair(executor: &IoExecutor) -> (LocalStream, StdLocalStream) {
    let (a, b) = std_local_pair();
    (LocalStream::from_std(executor, a).unwrap(), b)
}

/// Two ends of one local connection.
pub fn std_local_pair() -> (StdLocalStream, StdLocalStream) {
    #[cfg(unix)]
    return StdLocalStream::pair().unwrap();
    #[cfg(not(unix))]
    return std_pair();
}

/// A listener of `context` on a port of its own.
pub fn listen(context: &IoContext) -> TcpListener {
    TcpListener::bind(context, ([127, 0, 0, 1], 0).into()).unwrap()
}

/// Whether a read of a connection that its peer has reset is told of an end: Wine takes the
/// error for itself.
pub fn is_reset_lost() -> bool {
    crate::under_wine()
}

/// Bytes that show when one is lost, doubled or out of place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

/// Queues a function.
pub fn post(executor: &impl Executor, function: impl FnOnce() + Send + 'static) {
    executor.post(async_op::task::Task::new(function));
}

/// Polls once with `waker`.
pub fn poll_with<F: Future + ?Sized>(
    future: std::pin::Pin<&mut F>,
    waker: &Waker,
) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Runs `context` on this thread until `future` is ready.
pub fn drive<T: Send + 'static>(context: &IoContext, future: impl Future<Output = T> + Send) -> T {
    static META: Meta = Meta::new("drive", &[], &[]);
    let operation = from_future::<fn(T), _, _>(&META, context.executor(), future);
    async_initiate(operation, Blocking)
}

/// Polls the events of `context` until `future` has been woken.
pub fn until_woken<F: Future>(context: &IoContext, future: &Polled<F>) {
    context.restart();
    while future.wakes() == 0 {
        context.poll_one();
    }
}

/// Awaits two operations at the same time.
pub async fn both<A: IntoFuture, B: IntoFuture>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a.into_future()), pin!(b.into_future()));
    let (mut of_a, mut of_b) = (None, None);
    poll_fn(|cx| {
        if of_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            of_a = Some(output);
        }
        if of_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            of_b = Some(output);
        }
        match (of_a.take(), of_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            outputs => {
                (of_a, of_b) = outputs;
                Poll::Pending
            }
        }
    })
    .await
}

/// Writes all of `bytes`.
pub async fn write_all(stream: &TcpStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = stream.write_some(bytes).await.unwrap();
        bytes = &bytes[n..];
    }
}

/// Reads until `buffer` is full or the peer has shut down its side; returns
/// how many bytes there were.
pub async fn read_all(stream: &TcpStream, buffer: &mut [u8]) -> usize {
    let mut len = 0;
    while len < buffer.len() {
        match stream.read_some(&mut buffer[len..]).await.unwrap() {
            0 => break,
            n => len += n,
        }
    }
    len
}

/// A waker that counts.
#[derive(Clone, Debug, Default)]
pub struct Wakes(Arc<Count>);

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    /// Makes one of its wakers.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.0))
    }

    /// How often its wakers have been woken.
    pub fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    /// How many of its wakers there are.
    pub fn wakers(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}
