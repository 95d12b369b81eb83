//! In the long run no operation on sockets, pipes and descriptors, and none made
//! of them, allocates from the heap, by callback or awaited.

#![cfg(unix)]

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::{
    AsyncReadStream, AsyncWriteStream, ReadBuffer, Transfer, WriteBuffer, async_copy, async_read,
    async_read_exact, async_read_until, async_write, async_write_all, copy, read, read_exact,
    read_until, transfer_all, transfer_at_least, write, write_all,
};
use async_op::net::{
    AnyStream, Descriptor, Readiness, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream,
    connect_pipe,
};
use async_op::{IoContext, IoExecutor, IoObject, bind_cancellation_slot, is_cancelled};
use async_op_tests::net::{drive, pair};
use async_op_tests::{CountingHeap, Yours, heap_allocations_here};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const WARM_UP: usize = 10;
const ROUNDS: usize = 110;

/// How often something was done.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts operations, `each` at a time, that count when they complete, and runs
/// them; returns how many times that allocated in the end.
#[track_caller]
fn called_back(context: &IoContext, each: usize, mut start: impl FnMut(&Count)) -> usize {
    let (count, mut before) = (Count::default(), 0);
    for round in 0..ROUNDS {
        if round == WARM_UP {
            before = heap_allocations_here();
        }
        start(&count);
        context.restart();
        context.run();
    }
    let allocations = heap_allocations_here() - before;
    assert_eq!(count.0.load(Ordering::Relaxed), each * ROUNDS);
    allocations
}

/// Awaits a block over and over; its value is how many times that allocated in
/// the end.
macro_rules! awaited {
    ($context:expr, $round:block) => {
        drive(&$context, async {
            let mut before = 0;
            for round in 0..ROUNDS {
                if round == WARM_UP {
                    before = heap_allocations_here();
                }
                $round
            }
            heap_allocations_here() - before
        })
    };
}

/// Reads and writes of a pair, at once and later, whole and in parts.
macro_rules! some {
    ($name:ident, |$context:ident| $pair:expr) => {
        #[test]
        #[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
        fn $name() {
            let $context = IoContext::new().unwrap();
            let (reader, writer) = $pair;
            let allocations = called_back(&$context, 4, |count| {
                let [a, b, c, d] = [(); 4].map(|()| count.clone());
                writer.async_wait(Readiness::Write, move |result: io::Result<()>| {
                    result.unwrap();
                    a.one();
                });
                let next = reader.clone();
                reader.async_wait(Readiness::Read, move |result: io::Result<()>| {
                    result.unwrap();
                    b.one();
                    next.async_read_some([0; 99], move |result: io::Result<usize>, _: [u8; 99]| {
                        assert_eq!(result.unwrap(), 64);
                        c.one();
                    });
                });
                writer.async_write_some([1; 64], move |result: io::Result<usize>, _: [u8; 64]| {
                    assert_eq!(result.unwrap(), 64);
                    d.one();
                });
            });
            assert_eq!(allocations, 0, "waits, and reads that find something");
            let allocations = called_back(&$context, 2, |count| {
                let (a, b) = (count.clone(), count.clone());
                reader.async_read_some([0; 99], move |result: io::Result<usize>, _: [u8; 99]| {
                    assert_eq!(result.unwrap(), 64);
                    a.one();
                });
                writer.async_write_some([1; 64], move |result: io::Result<usize>, _: [u8; 64]| {
                    assert_eq!(result.unwrap(), 64);
                    b.one();
                });
            });
            assert_eq!(allocations, 0, "reads that wait");
            let allocations = awaited!($context, {
                let parts = (([1; 7], [2; 9]), [[3; 8]; 20]);
                let n = writer.write_some(&[0; 64]).await.unwrap();
                assert_eq!(n, 64);
                reader.wait(Readiness::Read).await.unwrap();
                assert_eq!(reader.read_some(&mut [0; 100]).await.unwrap(), 64);
                let (result, parts) = writer.write_some(parts).await;
                // Sixteen of the parts.
                assert_eq!(result.unwrap(), 128);
                let (result, _) = reader.read_some(parts).await;
                assert_eq!(result.unwrap(), 128);
            });
            assert_eq!(allocations, 0, "awaited");
        }
    };
}

/// A stream of erased type: one block when it is made, none for what it does.
macro_rules! erased {
    ($name:ident, |$context:ident| $pair:expr) => {
        #[test]
        #[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
        fn $name() {
            let $context = IoContext::new().unwrap();
            let (reader, writer) = $pair;
            let before = heap_allocations_here();
            let (reader, writer) = (AnyStream::new(reader), AnyStream::new(writer));
            assert_eq!(heap_allocations_here() - before, 2, "made");
            let allocations = called_back(&$context, 2, |count| {
                let (a, b) = (count.clone(), count.clone());
                reader.async_read_some([0; 99], move |result: io::Result<usize>, _: [u8; 99]| {
                    assert_eq!(result.unwrap(), 64);
                    a.one();
                });
                writer.async_write_some([1; 64], move |result: io::Result<usize>, _: [u8; 64]| {
                    assert_eq!(result.unwrap(), 64);
                    b.one();
                });
            });
            assert_eq!(allocations, 0, "some");
            let allocations = called_back(&$context, 2, |count| {
                let (a, b) = (count.clone(), count.clone());
                async_read_exact(
                    &reader,
                    [0; 64],
                    move |result: io::Result<()>, _: [u8; 64]| {
                        result.unwrap();
                        a.one();
                    },
                );
                async_write_all(
                    &writer,
                    [1; 64],
                    move |result: io::Result<()>, _: [u8; 64]| {
                        result.unwrap();
                        b.one();
                    },
                );
            });
            assert_eq!(allocations, 0, "all");
            let mut text = Vec::with_capacity(100);
            let allocations = awaited!($context, {
                write_all(&writer, ([1; 7], [2; 9])).await.0.unwrap();
                let n = read_exact(&reader, ([0; 9], [0; 7])).await;
                n.0.unwrap();
                writer.write_some("line\n").await.unwrap();
                text.clear();
                assert_eq!(read_until(&reader, &mut text, b'\n').await.unwrap(), 5);
            });
            assert_eq!(allocations, 0, "awaited");
        }
    };
}

erased!(erased_tcp_streams, |context| pair(&context));
erased!(erased_unix_streams, |context| UnixStream::pair(&context)
    .unwrap());
erased!(erased_erased_streams, |context| {
    let (a, b) = UnixStream::pair(&context).unwrap();
    (AnyStream::new(a), AnyStream::new(b))
});
// They take a block of what is recycled.
erased!(erased_streams_of_yours, |context| Yours::pair(&context));

some!(tcp_streams, |context| pair(&context));
some!(unix_streams, |context| UnixStream::pair(&context).unwrap());
some!(pipes, |context| connect_pipe(&context).unwrap());
some!(descriptors, |context| {
    let (reader, writer) = io::pipe().unwrap();
    (
        Descriptor::new(&context, reader).unwrap(),
        Descriptor::new(&context, writer).unwrap(),
    )
});

/// A file that is removed at the end.
struct Place(std::path::PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Datagrams between a pair, whole and in parts.
macro_rules! datagrams {
    ($name:ident, |$context:ident| $pair:expr) => {
        #[test]
        #[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
        fn $name() {
            let $context = IoContext::new().unwrap();
            let (a, b, _path) = $pair;
            let to = b.local_addr().unwrap();
            let allocations = called_back(&$context, 4, |count| {
                let [c, d, e, f] = [(); 4].map(|()| count.clone());
                b.async_receive(
                    [[0; 50]; 4],
                    move |result: io::Result<usize>, _: [[u8; 50]; 4]| {
                        assert_eq!(result.unwrap(), 128);
                        c.one();
                    },
                );
                b.async_receive_from(
                    [0; 200],
                    move |result: io::Result<(usize, _)>, _: [u8; 200]| {
                        assert_eq!(result.unwrap().0, 128);
                        d.one();
                    },
                );
                a.async_send(([1; 100], [2; 28]), move |result: io::Result<usize>, _| {
                    assert_eq!(result.unwrap(), 128);
                    e.one();
                });
                let to = to.clone();
                a.async_send_to(
                    [1; 128],
                    to,
                    move |result: io::Result<usize>, _: [u8; 128]| {
                        assert_eq!(result.unwrap(), 128);
                        f.one();
                    },
                );
            });
            assert_eq!(allocations, 0, "by callback");
            let allocations = awaited!($context, {
                a.send(&[0; 64]).await.unwrap();
                assert_eq!(b.receive(&mut [0; 100]).await.unwrap(), 64);
                // The whole that they are copied to has a class of its own.
                let parts = [[1; 500]; 20];
                let (result, parts) = a.send_to(parts, to.clone()).await;
                assert_eq!(result.unwrap(), 10_000);
                let (result, _) = b.receive_from(parts).await;
                assert_eq!(result.unwrap().0, 10_000);
            });
            assert_eq!(allocations, 0, "awaited");
        }
    };
}

datagrams!(udp_sockets, |context| {
    let [a, b] = [(); 2].map(|()| UdpSocket::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap());
    a.connect(b.local_addr().unwrap()).unwrap();
    (a, b, ())
});
datagrams!(unix_datagrams, |context| {
    let path = std::env::temp_dir().join(format!("async-op-heap-{}", std::process::id()));
    let b = UnixDatagram::bind(&context, &path).unwrap();
    let a = UnixDatagram::unbound(&context).unwrap();
    a.connect(&path).unwrap();
    (a, b, Place(path))
});

/// Composed operations over a pair, by callback.
#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn composed_operations_by_callback() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = UnixStream::pair(&context).unwrap();
    let lines = Vec::with_capacity(2000);
    let lines = Arc::new(std::sync::Mutex::new(Some(lines)));
    let allocations = called_back(&context, 2, |count| {
        let (a, b) = (count.clone(), count.clone());
        async_read_exact(
            &reader,
            [0; 300],
            move |result: io::Result<()>, _: [u8; 300]| {
                result.unwrap();
                a.one();
            },
        );
        async_write_all(
            &writer,
            ([1; 100], [2; 200]),
            move |result: io::Result<()>, _| {
                result.unwrap();
                b.one();
            },
        );
    });
    assert_eq!(allocations, 0, "read_exact, write_all");
    let allocations = called_back(&context, 2, |count| {
        let (a, b) = (count.clone(), count.clone());
        let condition = transfer_at_least(300);
        async_read(
            &reader,
            [0; 400],
            condition,
            move |transfer: Transfer, _| {
                assert_eq!(transfer.into_result().unwrap(), 300);
                a.one();
            },
        );
        async_write(
            &writer,
            [1; 300],
            transfer_all(),
            move |transfer: Transfer, _| {
                assert_eq!(transfer.into_result().unwrap(), 300);
                b.one();
            },
        );
    });
    assert_eq!(allocations, 0, "read, write");
    let allocations = called_back(&context, 2, |count| {
        let (a, b) = (count.clone(), count.clone());
        let buffer = lines.lock().unwrap().take().unwrap();
        let back = Arc::clone(&lines);
        async_read_until(
            &reader,
            buffer,
            "\r\n",
            move |end: io::Result<usize>, mut buffer: Vec<u8>| {
                buffer.drain(..end.unwrap());
                *back.lock().unwrap() = Some(buffer);
                a.one();
            },
        );
        async_write_all(&writer, "a line\r\n", move |result: io::Result<()>| {
            result.unwrap();
            b.one();
        });
    });
    assert_eq!(allocations, 0, "read_until");
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn composed_operations_awaited() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = pair(&context);
    let mut buffer = Vec::new();
    let allocations = awaited!(context, {
        write_all(&writer, ("line\n", [7; 100])).await.0.unwrap();
        let end = read_until(&reader, &mut buffer, b'\n').await.unwrap();
        buffer.drain(..end);
        let have = buffer.len();
        buffer.resize(100, 0);
        read_exact(&reader, &mut buffer[have..]).await.unwrap();
        buffer.clear();
        let n = write(&writer, &[1; 50], transfer_all()).await.into_result();
        assert_eq!(n.unwrap(), 50);
        let transfer = read(&reader, &mut [0; 100], transfer_at_least(50)).await;
        assert_eq!(transfer.bytes, 50);
    });
    assert_eq!(allocations, 0);
}

/// Gives and takes a number of bytes, a few at a time.
#[derive(Clone)]
struct Bytes {
    executor: IoExecutor,
    left: Arc<AtomicUsize>,
}

impl Bytes {
    fn new(executor: &IoExecutor, left: usize) -> Self {
        Self {
            executor: *executor,
            left: Arc::new(left.into()),
        }
    }

    fn take(&self, n: usize) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        let n = n.min(left).min(1000);
        self.left.store(left - n, Ordering::Relaxed);
        Ok(n)
    }
}

impl IoObject for Bytes {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.executor
    }
}

impl AsyncReadStream for Bytes {
    async fn read_after<B: ReadBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        self.take(buffer.after(skip).len())
    }
}

impl AsyncWriteStream for Bytes {
    async fn write_after<B: WriteBuffer>(&self, buffer: &mut B, skip: usize) -> io::Result<usize> {
        self.take(buffer.after(skip).len())
    }
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn copies() {
    let context = IoContext::new().unwrap();
    let (reader, writer) = UnixStream::pair(&context).unwrap();
    let from = Bytes::new(&context, 0);
    let allocations = called_back(&context, 2, |count| {
        let (a, b) = (count.clone(), count.clone());
        from.left.store(5000, Ordering::Relaxed);
        async_read_exact(
            &reader,
            [0; 5000],
            move |result: io::Result<()>, _: [u8; 5000]| {
                result.unwrap();
                a.one();
            },
        );
        async_copy(&from, &writer, move |transfer: Transfer| {
            assert_eq!(transfer.into_result().unwrap(), 5000);
            b.one();
        });
    });
    assert_eq!(allocations, 0, "by callback");
    let to = Bytes::new(&context, usize::MAX);
    let allocations = awaited!(context, {
        from.left.store(100_000, Ordering::Relaxed);
        assert_eq!(copy(&from, &to).await.into_result().unwrap(), 100_000);
    });
    assert_eq!(allocations, 0, "awaited");
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn operations_that_are_cancelled() {
    let context = IoContext::new().unwrap();
    let (reader, _writer) = UnixStream::pair(&context).unwrap();
    let signal = CancellationSignal::new();
    let allocations = called_back(&context, 1, |count| {
        let count = count.clone();
        let token =
            bind_cancellation_slot(signal.slot(), move |result: io::Result<()>, _: [u8; 64]| {
                assert!(is_cancelled(&result.unwrap_err()));
                count.one();
            });
        async_read_exact(&reader, [0; 64], token);
        signal.emit(CancellationType::TERMINAL);
    });
    assert_eq!(allocations, 0);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn connections() {
    let context = IoContext::new().unwrap();
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let allocations = called_back(&context, 2, |count| {
        let (a, b) = (count.clone(), count.clone());
        listener.async_accept(move |result: io::Result<(TcpStream, _)>| {
            result.unwrap().0.shutdown(Shutdown::Both).unwrap();
            a.one();
        });
        TcpStream::async_connect(&context, address, move |result: io::Result<TcpStream>| {
            result.unwrap();
            b.one();
        });
    });
    assert_eq!(allocations, 0);
}
