//! What gets no memory says so: it panics with its name, or fails with an error. Each
//! allocation of each is refused in turn; one that aborted would end this process.

// What keeps the list of operations aborts.
#![cfg(not(feature = "tracing"))]

use std::alloc::Layout;
use std::any::type_name;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_op::alloc::{AllocError, Allocator, AnyAllocator, Recycling};
use async_op::cancel::{CancellationGroup, CancellationSignal, CancellationSlot, CancellationType};
use async_op::executor::{AnyExecutor, Strand, post_call};
use async_op::group::{parallel_group, wait_for_all};
use async_op::net::{TcpListener, TcpStream, UdpSocket};
use async_op::task::{FrameBox, Task};
use async_op::time::{Timer, WallTimer};
use async_op::token::UsePromise;
use async_op::{
    Completion, Deferred, Executor, IoContext, IoExecutor, UseFuture, async_op,
    bind_cancellation_slot, cancel_after, is_cancelled, post_on, spawn,
};
use async_op_tests::{Alive, Log, Polled, Recorder, RefusingHeap, message_of, refusing};

#[global_allocator]
static HEAP: RefusingHeap = RefusingHeap;

const HOUR: Duration = Duration::from_secs(3600);
const TERMINAL: CancellationType = CancellationType::TERMINAL;

/// Calls `make` with each of its allocations refused in turn, and `check` with each
/// outcome but the last: that is returned, when nothing is left to be refused.
#[track_caller]
fn each_refused<R>(mut make: impl FnMut() -> R, mut check: impl FnMut(Result<R, String>)) -> R {
    for n in 0.. {
        // What is kept for reuse need not be asked for.
        Recycling::trim();
        let make = AssertUnwindSafe(&mut make);
        let (result, is_refused) = refusing(n, || catch_unwind(make));
        match result {
            Ok(made) if !is_refused => {
                assert!(n > 0, "it allocates nothing");
                return made;
            }
            result => check(result.map_err(|panic| message_of(&*panic))),
        }
    }
    unreachable!("after all of its allocations have been refused")
}

/// As `each_refused`; all of them panic, with one of these names.
#[track_caller]
fn panics<R>(names: &[&str], make: impl FnMut() -> R) -> R {
    each_refused(make, |result| {
        let Err(message) = result else {
            panic!("it goes without what it was refused");
        };
        let is_named = |name| message.starts_with(&format!("`{name}` could not allocate "));
        assert!(names.iter().any(is_named), "{message}");
    })
}

/// As `each_refused`; all of them fail with an error.
#[track_caller]
fn fails<R>(make: impl FnMut() -> io::Result<R>) -> R {
    let made = each_refused(make, |result| {
        let result = result.expect("an error in place of the panic");
        let error = result.err().expect("it does not go without");
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    });
    made.unwrap()
}

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn late(context: &IoExecutor) -> Timer {
    let timer = Timer::new(context);
    timer.expires_after(HOUR);
    timer
}

/// A timer that the context has a list for, in which there is room for three others.
fn with_room_for_more(context: &IoExecutor) -> Timer {
    let timer = late(context);
    assert!(Polled::new(timer.wait()).poll().is_pending());
    timer
}

#[test]
fn objects() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    panics(&["Timer"], || Timer::new(&context));
    panics(&["Timer", "WallTimer"], || WallTimer::new(&context));
    panics(&["CancellationSignal"], CancellationSignal::new);
    panics(&["CancellationGroup"], CancellationGroup::new);
    panics(&["Strand"], || Strand::new(executor));
    drop(panics(&["task"], || Task::new(|| ())));
    drop(panics(&["FrameBox"], || FrameBox::new(async {})));
    // In a box, as they have more than two words.
    let large = Large(executor, [0; 2]);
    let any = panics(&[type_name::<Large>()], || AnyExecutor::new(large.clone()));
    panics(&[type_name::<Large>()], || any.clone());
    let large = LargeAllocator {
        allocator: Recycling,
        _room: [0; 3],
    };
    let any = panics(&[type_name::<LargeAllocator>()], || {
        AnyAllocator::new(large.clone())
    });
    panics(&[type_name::<LargeAllocator>()], || any.clone());
    // What is erased already is moved.
    assert!(!refusing(0, || AnyAllocator::new(any)).1);
}

#[derive(Clone)]
struct LargeAllocator {
    allocator: Recycling,
    _room: [usize; 3],
}

// SAFETY: all of it is done by `Recycling`.
unsafe impl Allocator for LargeAllocator {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.allocator.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.allocator.deallocate(block, layout) };
    }
}

#[derive(Clone, PartialEq)]
struct Large(IoExecutor, [usize; 2]);

impl Executor for Large {
    fn post(&self, task: Task) {
        self.0.post(task);
    }
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_strand_is_recycled() {
    let context = IoContext::new().unwrap();
    let strand = || Strand::new(context.executor());
    drop(strand());
    let (_, is_refused) = refusing(0, || drop(strand()));
    assert!(!is_refused);
}

// On Windows it is a box of mio's that gets none, which ends the process.
#[cfg(unix)]
#[test]
fn sockets() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let context = &IoContext::new().unwrap();
    let listener = fails(|| TcpListener::bind(context, any));
    let peer = listener.local_addr().unwrap();
    let std = std::net::TcpStream::connect(peer).unwrap();
    fails(|| TcpStream::from_std(context, std.try_clone()?));
    fails(|| UdpSocket::bind(context, any));
    // Of 64, there is no room for the next in the list.
    let mut sockets: Vec<_> = (0..100).map(|_| UdpSocket::bind(context, any)).collect();
    sockets.push(Ok(fails(|| UdpSocket::bind(context, any))));
    assert!(sockets.into_iter().all(|socket| socket.is_ok()));
    // Nothing is left of those that failed.
    let accepted = listener.accept().blocking().unwrap().0;
    accepted.try_write_some(b"x").unwrap();
}

#[cfg(unix)]
#[test]
fn pipes_and_descriptors() {
    use async_op::net::{Descriptor, UnixDatagram, UnixStream, connect_pipe};
    use std::os::unix::net;

    let context = &IoContext::new().unwrap();
    fails(|| connect_pipe(context));
    fails(|| UnixStream::pair(context));
    fails(|| UnixDatagram::pair(context));
    let (socket, _other) = net::UnixStream::pair().unwrap();
    fails(|| Descriptor::new(context, socket.try_clone()?));
}

#[cfg(unix)]
#[test]
fn connecting_and_accepting() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let context = &IoContext::new().unwrap();
    let listener = TcpListener::bind(context, any).unwrap();
    let peer = listener.local_addr().unwrap();
    fails(|| {
        let mut connecting = pin!(TcpStream::async_connect(context, peer, UseFuture));
        loop {
            if let Poll::Ready(result) = connecting.as_mut().poll(&mut noop()) {
                return result;
            }
            context.poll();
            context.restart();
        }
    });
}

/// Handler form: stops when it is asked to.
#[async_op]
fn async_keep(_context: &IoExecutor, op: Completion<fn(io::Result<()>)>) {
    let kept = Arc::new(Mutex::new(None));
    let asked = Arc::clone(&kept);
    op.on_cancel(move |_| {
        let op: Option<Waiting> = asked.lock().unwrap().take();
        if let Some(op) = op {
            op.complete(Err(async_op::cancel::cancelled()));
        }
    });
    *kept.lock().unwrap() = Some(op);
}

type Waiting = Completion<fn(io::Result<()>)>;

/// How many operations have been cancelled, and how many handlers dropped. No log, which
/// would allocate.
#[derive(Clone, Default)]
struct Counts(Arc<[AtomicUsize; 2]>);

impl Counts {
    /// Returns both, and starts again.
    fn take(&self) -> [usize; 2] {
        self.0
            .each_ref()
            .map(|count| count.swap(0, Ordering::Relaxed))
    }

    fn handler(&self) -> impl FnOnce(io::Result<()>) + Send + 'static {
        let dropped = Dropped(self.clone());
        move |result| {
            let Dropped(counts) = &dropped;
            assert!(is_cancelled(&result.unwrap_err()));
            counts.0[0].fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Dropped(Counts);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts an operation with `start`, while the slot serves an earlier one. That goes on
/// if there is no memory, and nothing is left of the other but its handler's drop.
fn started(
    names: &[&str],
    slot: &CancellationSlot,
    emit: impl Fn(),
    start: impl Fn(&IoExecutor, CancellationSlot, &Counts),
) {
    let (counts, context) = (Counts::default(), IoContext::new().unwrap());
    let _timer = with_room_for_more(&context);
    let earlier = bind_cancellation_slot(slot.clone(), counts.handler());
    async_keep(&context, earlier);
    each_refused(
        || start(&context, slot.clone(), &counts),
        |result| {
            let message = result.expect_err("it does not go without");
            let named = |name| message.starts_with(&format!("`{name}` could not"));
            assert!(names.iter().any(named), "{message}");
            // What it is started with may have got no memory.
            assert!(matches!(counts.take(), [0, 0 | 1]));
            assert_eq!(context.poll(), 0);
            assert!(!context.stopped());
        },
    );
    context.poll();
    // The last one has begun. It took the slot over, unless there is one for each.
    let [0, replaced] = counts.take() else {
        panic!("nobody has been asked");
    };
    emit();
    context.poll();
    assert!(context.stopped());
    assert_eq!(counts.take(), [2 - replaced; 2]);
}

/// By a signal and by a group.
fn started_with_slots(names: &[&str], start: impl Fn(&IoExecutor, CancellationSlot, &Counts)) {
    let signal = CancellationSignal::new();
    started(names, &signal.slot(), || signal.emit(TERMINAL), &start);
    let group = CancellationGroup::new();
    let names = [names, &["CancellationGroup"]].concat();
    started(&names, &group.slot(), || group.emit(TERMINAL), &start);
}

#[test]
fn operations_that_can_be_asked_to_stop() {
    started_with_slots(&["async_wait", "Timer"], |context, slot, counts| {
        late(context).async_wait(bind_cancellation_slot(slot, counts.handler()));
    });
    started_with_slots(&["spawn", "Timer"], |context, slot, counts| {
        let timer = late(context);
        let token = bind_cancellation_slot(slot, counts.handler());
        spawn(context, async move { timer.wait().await }, token);
    });
    started_with_slots(
        &["async_wait", "Timer", "cancel_after"],
        |context, slot, counts| {
            let token = bind_cancellation_slot(slot, counts.handler());
            late(context).async_wait(cancel_after(HOUR, token));
        },
    );
}

#[test]
fn an_operation_in_handler_form() {
    let context = IoContext::new().unwrap();
    let signal = CancellationSignal::new();
    panics(&["async_listen", "on_cancel"], || {
        let handler = |_: io::Result<()>| unreachable!("nobody completes it");
        async_listen(&context, bind_cancellation_slot(signal.slot(), handler));
    });
    // It has been abandoned, with memory and without.
    assert_eq!(context.poll(), 0);
    assert!(context.stopped());
}

/// Handler form: forgets its completion.
#[async_op]
fn async_listen(_context: &IoExecutor, op: Completion<fn(io::Result<()>)>) {
    op.on_cancel(|_| ());
    drop(op);
}

#[test]
fn promises_posts_and_groups() {
    let context = IoContext::new().unwrap();
    drop(panics(&["async_one", "promise"], || {
        async_one(&context, UsePromise)
    }));
    panics(&["post", "task"], || post_on(&context, || ()));
    let one = || post_call(&context, || 1, Deferred);
    let operations = (0..100).map(|_| vec![one(), one(), one()]);
    let operations = RefCell::new(operations.collect::<Vec<_>>());
    panics(&["parallel_group", "FrameBox", "post_call"], || {
        let operations = operations.borrow_mut().pop().unwrap();
        let group = parallel_group(operations);
        let mut group = pin!(group.async_wait(wait_for_all(), UseFuture));
        while group.as_mut().poll(&mut noop()).is_pending() {
            context.poll();
            context.restart();
        }
    });
}

#[async_op]
fn async_one(_context: &IoExecutor, op: Completion<fn(u32)>) {
    op.complete(1);
}

#[test]
fn a_group_in_an_allocator_that_refuses() {
    // The block of the group itself, that of the members, the two boxes of these.
    for n in 1..4 {
        let context = IoContext::new().unwrap();
        let recorder = Recorder::new(&Log::new()).fail_at(n);
        let timers = [late(&context), late(&context)];
        let group = parallel_group(timers.iter().map(Timer::wait).collect::<Vec<_>>());
        let handler = |_: Vec<usize>, _: Vec<io::Result<()>>| unreachable!("no memory");
        let token = async_op::bind_allocator(recorder.clone(), handler);
        let message = async_op_tests::panic_of(|| group.async_wait(wait_for_all(), token));
        let name = if n == 1 { "parallel_group" } else { "FrameBox" };
        assert!(
            message.starts_with(&format!("`{name}` could not")),
            "{message}"
        );
        recorder.assert_balanced();
        assert_eq!(context.run(), 0);
    }
}

#[test]
fn the_first_waker_of_an_operation() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let waker = Arc::new(Mutex::new(None));
    panics(&["spawn", "Waker"], || {
        let place = Arc::clone(&waker);
        let wait = poll_fn(move |cx| {
            *place.lock().unwrap_or_else(|error| error.into_inner()) = Some(cx.waker().clone());
            Poll::<()>::Pending
        });
        let alive = Alive::new(&log, "drop");
        spawn(&context, wait, move |()| drop(alive));
        context.poll();
    });
    // Those that got none are gone.
    log.take();
    assert_eq!(context.poll(), 0);
    let waker = waker
        .lock()
        .unwrap_or_else(|error| error.into_inner())
        .take();
    drop(waker);
    context.poll();
    assert_eq!(log.take(), "drop");
    assert!(context.stopped());
}

#[test]
fn a_future_of_an_operation_needs_none() {
    let context = IoContext::new().unwrap();
    let timer = with_room_for_more(&context);
    Recycling::trim();
    let (pending, is_refused) = refusing(0, || {
        let mut wait = pin!(timer.async_wait(UseFuture));
        wait.as_mut().poll(&mut noop()).is_pending()
    });
    assert!(pending && !is_refused);
}
