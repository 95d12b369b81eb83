use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_op::cancel::CancellationType;
use async_op::group::{parallel_group, wait_for_all};
use async_op::io::{
    BufferExt, BufferRange, Transfer, copy, read, read_buf, read_exact, read_to_end, read_until,
    transfer_all, transfer_at_least, write, write_all,
};
use async_op::net::TcpStream;
use async_op::sync::{Channel, Mutex, MutexGuard, Permit, Semaphore, SendError};
use async_op::time::{Timer, WallTimer, sleep_until};
use async_op::{IoContext, IoExecutor};
use async_op_tests::net::half_pair;
use async_op_tests::{Step, TestStream};

use crate::case::cases;
use crate::rules::all;

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_micros(300);
const SOON: Duration = Duration::from_millis(2);
const PARTIAL: CancellationType = CancellationType::PARTIAL.and_weaker();
const TERMINAL: CancellationType = CancellationType::TERMINAL;

/// A stream whose next read waits for more, and what brings it.
fn stalled_reads(context: &IoContext) -> (TestStream, impl FnMut() + Send + use<>) {
    let stream = TestStream::new(context, b"").reads([Step::Stall, Step::Move(3)]);
    let peer = stream.clone();
    (stream, move || {
        peer.feed(b"line one\n");
        peer.resume();
    })
}

/// A stream whose next write waits for room, and what makes some.
fn stalled_writes(context: &IoContext) -> (TestStream, impl FnMut() + Send + use<>) {
    let stream = TestStream::new(context, b"").writes([Step::Stall, Step::Move(3)]);
    let peer = stream.clone();
    (stream, move || {
        peer.written();
        peer.resume();
    })
}

fn two_reads(context: &IoContext) -> ([TcpStream; 2], impl FnMut() + Send + use<>) {
    use std::io::Write;

    let (a, mut of_a) = half_pair(context);
    let (b, mut of_b) = half_pair(context);
    ([a, b], move || {
        for peer in [&mut of_b, &mut of_a] {
            peer.write_all(b"12345678").unwrap();
        }
    })
}

type Reads = (io::Result<usize>, [u8; 8]);

cases! {
    TimerWait: fn(io::Result<()>), on Timer {
        waiting: |context| {
            let timer = Timer::new(context);
            timer.expires_after(HOUR);
            let handle = timer.clone();
            (timer, move || { handle.expires_after(MOMENT); })
        },
        make: |timer| timer.wait(),
        result: |result| result,
        fn soon(context: &IoContext) -> Option<Timer> {
            let timer = Timer::new(context);
            timer.expires_after(SOON);
            Some(timer)
        }
        const REPEATS: bool = false;
    }

    WallTimerWait: fn(io::Result<()>), on WallTimer {
        waiting: |context| {
            let timer = WallTimer::new(context);
            timer.expires_at(SystemTime::now() + HOUR);
            let handle = timer.clone();
            (timer, move || { handle.expires_at(SystemTime::now() + MOMENT); })
        },
        make: |timer| timer.wait(),
        result: |result| result,
        fn soon(context: &IoContext) -> Option<WallTimer> {
            let timer = WallTimer::new(context);
            timer.expires_at(SystemTime::now() + SOON);
            Some(timer)
        }
        const REPEATS: bool = false;
    }

    // What is ready is the next one.
    SleepUntil: fn(io::Result<()>), on (IoExecutor, Arc<std::sync::Mutex<Instant>>) {
        waiting: |context| {
            let expiry = Arc::new(std::sync::Mutex::new(Instant::now() + HOUR));
            let next = Arc::clone(&expiry);
            ((context.executor(), expiry), move || *next.lock().unwrap() = Instant::now())
        },
        make: |(executor, expiry)| sleep_until(&executor, *expiry.lock().unwrap()),
        result: |result| result,
        fn soon(context: &IoContext) -> Option<Self::Object> {
            let expiry = Arc::new(std::sync::Mutex::new(Instant::now() + SOON));
            Some((context.executor(), expiry))
        }
        const REPEATS: bool = false;
    }

    TimedRead: fn(io::Result<usize>, [u8; 8]), on TcpStream {
        waiting: |context| {
            use std::io::Write;
            let (stream, mut peer) = half_pair(context);
            (stream, move || peer.write_all(b"12345678").unwrap())
        },
        make: |stream| stream.read_some([0; 8]).cancel_after(HOUR),
        result: |(result, _)| result.map(|n| assert_eq!(n, 8)),
    }

    ChannelSend: fn(Result<(), SendError<[u8; 8]>>), on Channel<[u8; 8]> {
        waiting: |context| {
            let channel = Channel::new(context, 1);
            channel.try_send([0; 8]).unwrap();
            let handle = channel.clone();
            (channel, move || { handle.try_receive().unwrap(); })
        },
        make: |channel| channel.send([1; 8]),
        result: |result| result.map_err(io::Error::from),
    }

    ChannelReceive: fn(io::Result<[u8; 8]>), on Channel<[u8; 8]> {
        waiting: |context| {
            let channel = Channel::new(context, 1);
            let handle = channel.clone();
            (channel, move || handle.try_send([1; 8]).unwrap())
        },
        make: |channel| channel.receive(),
        result: |result| result.map(drop),
    }

    MutexLock: fn(io::Result<MutexGuard<u32>>), on Mutex<u32> {
        waiting: |context| {
            let mutex = Mutex::new(context, 1);
            let mut guard = mutex.try_lock();
            (mutex, move || drop(guard.take()))
        },
        make: |mutex| mutex.lock(),
        result: |result| result.map(drop),
    }

    SemaphoreAcquire: fn(io::Result<Permit>), on Semaphore {
        waiting: |context| {
            let semaphore = Semaphore::new(context, 0);
            let handle = semaphore.clone();
            (semaphore, move || handle.add(1))
        },
        make: |semaphore| semaphore.acquire(),
        result: |result| result.map(drop),
    }

    SemaphoreAcquireMany: fn(io::Result<Permit>), on Semaphore {
        waiting: |context| {
            let semaphore = Semaphore::new(context, 1);
            let handle = semaphore.clone();
            (semaphore, move || handle.add(1))
        },
        make: |semaphore| semaphore.acquire_many(2),
        result: |result| result.map(drop),
    }

    ComposedRead: fn(Transfer, BufferRange<[u8; 20]>), on TestStream {
        waiting: |context| stalled_reads(context),
        make: |stream| read(&stream, [0; 20].range(1..10), transfer_all()),
        result: |(transfer, _)| transfer.into_result().map(|n| assert_eq!(n, 9)),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = PARTIAL;
    }

    ComposedReadAtLeast: fn(Transfer, [u8; 20]), on TestStream {
        waiting: |context| stalled_reads(context),
        make: |stream| read(&stream, [0; 20], transfer_at_least(4)),
        result: |(transfer, _)| transfer.into_result().map(|n| assert_eq!(n, 9)),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = PARTIAL;
    }

    ComposedReadExact: fn(io::Result<()>, [u8; 9]), on TestStream {
        waiting: |context| stalled_reads(context),
        make: |stream| read_exact(&stream, [0; 9]),
        result: |(result, bytes)| result.map(|()| assert_eq!(&bytes, b"line one\n")),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = TERMINAL;
    }

    ComposedReadUntil: fn(io::Result<usize>, Vec<u8>), on TestStream {
        waiting: |context| stalled_reads(context),
        make: |stream| read_until(&stream, Vec::new(), b'\n'),
        result: |(result, bytes)| result.map(|n| assert_eq!(&bytes[..n], b"line one\n")),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = PARTIAL;
        // The buffer grows.
        const HEAP: usize = 1;
    }

    ComposedReadBuf: fn(io::Result<usize>, Vec<u8>), on TestStream {
        waiting: |context| {
            let stream = TestStream::new(context, b"").reads([Step::Stall]);
            let peer = stream.clone();
            (stream, move || {
                peer.feed(b"line one\n");
                peer.resume();
            })
        },
        make: |stream| read_buf(&stream, Vec::with_capacity(20)),
        result: |(result, bytes)| result.map(|n| assert_eq!(&bytes[..n], b"line one\n")),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        // The buffer.
        const HEAP: usize = 1;
    }

    ComposedReadToEnd: fn(io::Result<usize>, Vec<u8>), on TestStream {
        waiting: |context| stalled_reads(context),
        make: |stream| read_to_end(&stream, Vec::with_capacity(20)),
        result: |(result, bytes)| result.map(|n| assert_eq!(&bytes[..n], b"line one\n")),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = PARTIAL;
        // The buffer.
        const HEAP: usize = 1;
    }

    ComposedWrite: fn(Transfer, [u8; 8]), on TestStream {
        waiting: |context| stalled_writes(context),
        make: |stream| write(&stream, [1; 8], transfer_all()),
        result: |(transfer, _)| transfer.into_result().map(|n| assert_eq!(n, 8)),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = PARTIAL;
    }

    ComposedWriteAll: fn(io::Result<()>, Arc<[u8]>), on TestStream {
        waiting: |context| stalled_writes(context),
        make: |stream| write_all(&stream, Arc::from([1; 8])),
        result: |(result, _)| result,
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = TERMINAL;
        // The buffer.
        const HEAP: usize = 1;
    }

    ComposedWriteAllInParts: fn(io::Result<()>, ([u8; 2], String, [u8; 6])), on TestStream {
        waiting: |context| stalled_writes(context),
        make: |stream| write_all(&stream, ([1; 2], String::new(), [2; 6])),
        result: |(result, _)| result,
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = TERMINAL;
    }

    CopyThatReads: fn(Transfer), on (TestStream, TestStream) {
        waiting: |context| {
            let (from, mut ready) = stalled_reads(context);
            let to = TestStream::new(context, b"");
            let sink = to.clone();
            ((from, to), move || {
                sink.written();
                ready();
            })
        },
        make: |(from, to)| copy(&from, &to),
        result: |transfer| transfer.into_result().map(|n| assert_eq!(n, 9)),
        const NEEDS_ITS_CONTEXT: bool = false;
        const REPEATS: bool = false;
        const HONOURS: CancellationType = PARTIAL;
    }

    GroupOfTwo: fn([usize; 2], (Reads, Reads)), on [TcpStream; 2] {
        waiting: |context| two_reads(context),
        make: |[a, b]| {
            parallel_group((a.read_some([0; 8]), b.read_some([0; 8]))).wait(wait_for_all())
        },
        result: |(_, ((a, _), (b, _)))| all([a, b]),
    }

    GroupOfRange: fn(Vec<usize>, Vec<Reads>), on [TcpStream; 2] {
        waiting: |context| two_reads(context),
        make: |streams| {
            let reads: Vec<_> = streams.iter().map(|stream| stream.read_some([0; 8])).collect();
            parallel_group(reads).wait(wait_for_all())
        },
        result: |(_, results)| all(results.into_iter().map(|(result, _)| result)),
        // The list of operations, the order and the results.
        const HEAP: usize = 3;
    }
}
