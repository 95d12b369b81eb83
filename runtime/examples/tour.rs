//! The tour: one operation, six ways to wait for it.
//!
//! An echo server runs on a thread of its own. A client talks to it through
//! *one* operation, `async_exchange`, written once as a plain `async fn`. Every
//! caller below chooses with the last argument, the completion token, how the
//! result arrives. At the end there is a table: what each way costs.
//!
//! Run it with `cargo run --release --example tour`. It checks every byte and
//! fails if one differs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use async_op::net::{TcpListener, TcpStream};
use async_op::{
    Blocking, Detached, IoContext, IoExecutor, IoObject, SystemExecutor, UseFuture, async_op,
};

const MESSAGES: u32 = 1_000;
const LENGTH: usize = 64;

// ---------------------------------------------------------------------------
// 1. The operation
// ---------------------------------------------------------------------------

/// A connection to the echo server. A cheap handle, as I/O objects are.
#[derive(Clone)]
struct Client {
    stream: TcpStream,
    tally: Arc<Tally>,
}

/// What all exchanges of a client have shown.
#[derive(Default)]
struct Tally {
    checked: AtomicU64,
    failed: AtomicU64,
}

/// Operations of a client run where those of its socket do.
impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.stream.executor()
    }
}

impl Client {
    /// Sends message number `n`, and checks that it comes back.
    ///
    /// This is all that the author of an operation writes. The attribute makes
    /// two functions of it: `async_exchange(n, token)`, and `exchange(n)`, which
    /// returns the operation without starting it.
    #[async_op]
    async fn async_exchange(&self, n: u32) -> io::Result<usize> {
        let message = [n as u8; LENGTH];
        let mut written = 0;
        while written < LENGTH {
            written += self.stream.write_some(&message[written..]).await?;
        }

        let mut reply = [0; LENGTH];
        let mut read = 0;
        while read < LENGTH {
            // The buffer is a local variable, borrowed by the read.
            match self.stream.read_some(&mut reply[read..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => read += n,
            }
        }

        if reply != message {
            self.tally.failed.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::other("the echo differs"));
        }
        self.tally
            .checked
            .fetch_add(LENGTH as u64, Ordering::Relaxed);
        Ok(LENGTH)
    }

    /// Operations compose: this one awaits another. Inside an `async fn` that
    /// costs nothing, the inner operation lives in the outer one's future.
    #[async_op]
    async fn async_conversation(&self, messages: u32) -> io::Result<()> {
        for n in 0..messages {
            self.async_exchange(n, UseFuture).await?;
        }
        Ok(())
    }

    /// The executor of an operation without `self` is its first parameter's.
    #[async_op]
    async fn async_connect(executor: &IoExecutor, server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(executor, server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            tally: Arc::default(),
        })
    }
}

// ---------------------------------------------------------------------------
// 2. The callers
// ---------------------------------------------------------------------------

/// A closure: the context calls it, on the thread that runs the context.
fn with_closures(context: &IoContext, client: &Client, messages: u32) -> io::Result<()> {
    fn next(client: Client, n: u32, messages: u32) {
        if n < messages {
            let after = client.clone();
            client.async_exchange(n, move |result: io::Result<usize>| {
                if result.is_ok() {
                    next(after, n + 1, messages);
                }
            });
        }
    }
    next(client.clone(), 0, messages);
    context.run();
    context.restart();
    Ok(())
}

/// A future, awaited in an operation that runs on the context itself.
fn with_futures(context: &IoContext, client: &Client, messages: u32) -> io::Result<()> {
    client.async_conversation(messages, |result: io::Result<()>| {
        if let Err(error) = result {
            eprintln!("the conversation failed: {error}");
        }
    });
    context.run();
    context.restart();
    Ok(())
}

/// A future, awaited in a task of a tokio runtime. Any other would do.
fn with_tokio(runtime: &tokio::runtime::Runtime, client: &Client, messages: u32) -> io::Result<()> {
    let client = client.clone();
    let task = runtime.spawn(async move {
        for n in 0..messages {
            client.exchange(n).await?;
        }
        Ok(())
    });
    runtime.block_on(task)?
}

/// A plain blocking call: the thread drives the context while it waits. No
/// runtime, no other thread.
fn with_blocking(_: &IoContext, client: &Client, messages: u32) -> io::Result<()> {
    for n in 0..messages {
        client.async_exchange(n, Blocking)?;
    }
    Ok(())
}

/// Deferred: made now, started later; the closure's parameter is inferred.
fn with_deferred(context: &IoContext, client: &Client, messages: u32) -> io::Result<()> {
    fn next(client: Client, n: u32, messages: u32) {
        if n < messages {
            let operation = client.exchange(n);
            operation.callback(move |result| {
                if result.is_ok() {
                    next(client, n + 1, messages);
                }
            });
        }
    }
    next(client.clone(), 0, messages);
    context.run();
    context.restart();
    Ok(())
}

/// Detached: nobody waits for the result. `run` does, for the work.
fn with_detached(context: &IoContext, client: &Client, messages: u32) -> io::Result<()> {
    for n in 0..messages {
        client.async_exchange(n, Detached);
        context.run();
        context.restart();
    }
    Ok(())
}

// ---------------------------------------------------------------------------
// 3. The server, all callbacks
// ---------------------------------------------------------------------------

fn accept(listener: TcpListener) {
    listener.accept().callback(move |result| {
        if let Ok((stream, _)) = result {
            let _ = stream.set_nodelay(true);
            read(stream, vec![0; 4096]);
            accept(listener);
        }
    });
}

// A callback outlives the function that starts it, so it owns its buffer. The
// buffer comes back with every completion.
fn read(stream: TcpStream, buffer: Vec<u8>) {
    stream
        .read_some(buffer)
        .callback(move |result, mut buffer| {
            if let Ok(n @ 1..) = result {
                buffer.truncate(n);
                write(stream, buffer);
            }
        });
}

fn write(stream: TcpStream, buffer: Vec<u8>) {
    stream
        .write_some(buffer)
        .callback(move |result, mut buffer| {
            let Ok(n) = result else { return };
            buffer.drain(..n);
            if buffer.is_empty() {
                buffer.resize(4096, 0);
                read(stream, buffer);
            } else {
                write(stream, buffer);
            }
        });
}

// ---------------------------------------------------------------------------
// 4. The table
// ---------------------------------------------------------------------------

fn main() -> io::Result<ExitCode> {
    let server = IoContext::new()?;
    let listener = TcpListener::bind(&server, ([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    accept(listener);
    let ok = thread::scope(|scope| {
        scope.spawn(|| server.run());
        let ok = callers(address);
        server.stop();
        ok
    })?;
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn callers(server: SocketAddr) -> io::Result<bool> {
    println!(
        "{:<34} {:>9} {:>14} {:>12} {:>16}",
        "token", "messages", "bytes checked", "us/exchange", "allocs/exchange"
    );
    let mut ok = true;

    // The context of the clients, run by this thread.
    let context = IoContext::new()?;
    let mut on_context = |name, run: fn(&IoContext, &Client, u32) -> io::Result<()>| {
        let client = Client::async_connect(&context, server, Blocking)?;
        ok &= measure(name, &client, |messages| run(&context, &client, messages))?;
        io::Result::Ok(())
    };
    on_context("closure", with_closures)?;
    on_context("UseFuture, on its own context", with_futures)?;
    on_context("Blocking", with_blocking)?;
    on_context("Deferred, then a callback", with_deferred)?;
    on_context("Detached", with_detached)?;

    // In somebody else's runtime: the system context needs no set-up.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let client = runtime.block_on(async { Client::connect(&SystemExecutor, server).await })?;
    ok &= measure(".await in multi-thread tokio", &client, |messages| {
        with_tokio(&runtime, &client, messages)
    })?;
    Ok(ok)
}

/// Runs `exchange` for a few messages, then for all with a watch on the clock
/// and on the heap; prints a row.
fn measure(
    name: &str,
    client: &Client,
    exchange: impl Fn(u32) -> io::Result<()>,
) -> io::Result<bool> {
    exchange(20)?;
    client.tally.checked.store(0, Ordering::Relaxed);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    let start = Instant::now();
    exchange(MESSAGES)?;
    let time = start.elapsed() / MESSAGES;
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - allocations;

    let checked = client.tally.checked.load(Ordering::Relaxed);
    println!(
        "{name:<34} {MESSAGES:>9} {checked:>14} {:>12.1} {:>16.3}",
        time.as_secs_f64() * 1e6,
        allocations as f64 / f64::from(MESSAGES),
    );
    let failed = client.tally.failed.load(Ordering::Relaxed);
    Ok(failed == 0 && checked == u64::from(MESSAGES) * LENGTH as u64)
}

/// Counts what the whole program takes from the heap, on every thread.
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
