//! Guarantee 10: a chain of like operations peaks at one block, and allocates
//! nothing from the heap in the long run.

use std::future::poll_fn;
use std::io;
use std::net;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Instant;

use async_op::alloc::{OperationAllocator, Recycling};
use async_op::initiation::{Meta, from_future};
use async_op::net::TcpStream;
use async_op::task::Task;
use async_op::time::Timer;
use async_op::{
    Blocking, CompletionHandler, Executor, Handler, IoContext, IoExecutor, async_initiate,
};
use async_op_tests::{
    CountingHeap, Form, HandlerForm, Log, Probe, Slot, heap_allocations_here, short_wait,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

const LINKS: usize = 1000;

/// A handler that goes on for ever and has an allocator.
struct Link<A, N> {
    allocator: A,
    left: usize,
    next: N,
}

impl<A: OperationAllocator, N> async_op::Associations for Link<A, N> {
    fn allocator(&self) -> impl OperationAllocator {
        self.allocator.clone()
    }
}

struct Wait(Timer);
struct Now(IoExecutor);

impl<A: OperationAllocator> CompletionHandler<fn(io::Result<()>)> for Link<A, Wait> {
    fn complete(mut self, (result,): (io::Result<()>,)) {
        result.unwrap();
        if self.left > 0 {
            self.left -= 1;
            let timer = self.next.0.clone();
            if self.left.is_multiple_of(2) {
                timer.expires_at(Instant::now() + short_wait(LINKS - self.left));
            }
            timer.async_wait(Handler(self));
        }
    }
}

impl<A: OperationAllocator> CompletionHandler<fn(u32)> for Link<A, Now> {
    fn complete(mut self, (_,): (u32,)) {
        if self.left > 0 {
            self.left -= 1;
            let executor = self.next.0;
            HandlerForm::start_now(&executor, self);
        }
    }
}

#[test]
fn timers_from_one_slot() {
    let (context, slot) = (IoContext::new().unwrap(), Slot::new());
    let timer = Timer::new(&context);
    let link = Link {
        allocator: slot.clone(),
        left: LINKS,
        next: Wait(timer.clone()),
    };
    timer.async_wait(Handler(link));
    assert_eq!(context.run(), LINKS + 1);
    assert_eq!(slot.allocations(), LINKS + 1);
    assert!(!slot.in_use());
}

#[test]
fn handler_form_operations_from_one_slot() {
    let (context, slot) = (IoContext::new().unwrap(), Slot::new());
    let link = Link {
        allocator: slot.clone(),
        left: LINKS,
        next: Now(context.executor()),
    };
    HandlerForm::start_now(&context, link);
    assert_eq!(context.run(), LINKS + 1);
    assert_eq!(slot.allocations(), LINKS + 1);
    assert!(!slot.in_use());
}

/// Runs 10 tasks of `context`, then all others; returns how many times the
/// latter allocated.
fn allocations_after_warm_up(context: &IoContext) -> usize {
    for _ in 0..10 {
        assert_eq!(context.run_one(), 1);
    }
    let before = heap_allocations_here();
    context.run();
    heap_allocations_here() - before
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn timers_without_the_heap() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let link = Link {
        allocator: Recycling,
        left: LINKS,
        next: Wait(timer.clone()),
    };
    timer.async_wait(Handler(link));
    assert_eq!(allocations_after_warm_up(&context), 0);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn handler_form_operations_without_the_heap() {
    let context = IoContext::new().unwrap();
    let link = Link {
        allocator: Recycling,
        left: LINKS,
        next: Now(context.executor()),
    };
    HandlerForm::start_now(&context, link);
    assert_eq!(allocations_after_warm_up(&context), 0);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn posts_without_the_heap() {
    fn post(executor: IoExecutor, left: usize) {
        executor.post(Task::new(move || {
            if left > 0 {
                post(executor, left - 1);
            }
        }));
    }

    let context = IoContext::new().unwrap();
    post(context.executor(), LINKS);
    assert_eq!(allocations_after_warm_up(&context), 0);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_fan_out_of_posts_without_the_heap() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    let mut before = 0;
    for _ in 0..3 {
        before = heap_allocations_here();
        for _ in 0..LINKS {
            executor.post(Task::new(|| ()));
        }
        assert_eq!(context.run(), LINKS);
        context.restart();
    }
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
fn hosted_operations_without_the_heap() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let mut before = 0;
    for round in 0..50 {
        if round == 10 {
            before = heap_allocations_here();
        }
        timer.expires_after(short_wait(round));
        timer.wait().blocking().unwrap();
    }
    assert_eq!(heap_allocations_here() - before, 0);
}

/// Both ends of a connection.
fn connection(context: &IoContext) -> (TcpStream, TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    (
        TcpStream::from_std(context, client).unwrap(),
        TcpStream::from_std(context, server).unwrap(),
    )
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_ping_pong_of_callbacks_without_the_heap() {
    fn read(stream: TcpStream, left: Arc<AtomicUsize>) {
        stream
            .clone()
            .read_some([0; 64])
            .callback(move |result, _| {
                if result.unwrap() > 0 {
                    write(stream, left);
                }
            });
    }

    fn write(stream: TcpStream, left: Arc<AtomicUsize>) {
        if left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return stream.shutdown(net::Shutdown::Both).unwrap();
        }
        stream
            .clone()
            .write_some([1; 64])
            .callback(move |result, _| {
                assert_eq!(result.unwrap(), 64);
                read(stream, left);
            });
    }

    let context = IoContext::new().unwrap();
    let (client, server) = connection(&context);
    let left = Arc::new(AtomicUsize::new(LINKS));
    // Clones, so that both are closed after the count.
    read(server.clone(), Arc::clone(&left));
    write(client.clone(), left);
    assert_eq!(allocations_after_warm_up(&context), 0);
}

#[test]
fn a_ping_pong_in_one_frame_from_one_block() {
    use async_op::async_op;

    #[async_op]
    async fn async_talk(stream: &TcpStream, peer: &TcpStream, heap: Arc<AtomicUsize>) -> u32 {
        let mut buffer = [0; 64];
        for round in 0..LINKS {
            if round == 10 {
                heap.store(heap_allocations_here(), Ordering::Relaxed);
            }
            stream.write_some(&[1; 64]).await.unwrap();
            peer.read_some(&mut buffer).await.unwrap();
        }
        heap.store(
            heap_allocations_here() - heap.load(Ordering::Relaxed),
            Ordering::Relaxed,
        );
        0
    }

    let (log, context, slot) = (Log::new(), IoContext::new().unwrap(), Slot::new());
    let (client, server) = connection(&context);
    let heap = Arc::new(AtomicUsize::new(0));
    let probe = Probe::new(&log).allocating(&slot);
    async_talk(&client, &server, Arc::clone(&heap), Handler(probe));
    context.run();
    assert_eq!(log.take(), "call");
    assert_eq!((slot.allocations(), slot.in_use()), (1, false));
    assert_eq!(heap.load(Ordering::Relaxed), 0);
}

/// Whoever has woken this thread may still hold the waker.
#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn blocking_while_the_last_waker_is_still_about() {
    const META: Meta = Meta::new("waker", &[], &[]);
    let context = IoContext::new().unwrap();
    let mut wakers = Vec::with_capacity(LINKS);
    let mut allocations = 0;
    for _ in 0..LINKS {
        let before = heap_allocations_here();
        let future = poll_fn(|cx| Poll::Ready(cx.waker().clone()));
        let operation = from_future::<fn(Waker), _, _>(&META, context.executor(), future);
        let waker = async_initiate(operation, Blocking);
        // The first one makes what is kept.
        if !wakers.is_empty() {
            allocations += heap_allocations_here() - before;
        }
        wakers.push(waker);
    }
    assert_eq!(allocations, 0);
}
