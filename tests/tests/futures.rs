//! Operations as futures: leaked, dropped, moved between threads, and polled
//! with one waker after another.

use std::future::Future;
use std::io::Write;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use async_op::executor::WorkGuard;
use async_op::time::Timer;
use async_op::{Completion, IoContext, IoExecutor, UseFuture, async_op};
use async_op_tests::net::{Wakes, drive, half_pair, listen, pair, poll_with, post, read_all};

const HOUR: Duration = Duration::from_secs(3600);
/// Not before something waits, on a slow machine either.
const LATER: Duration = Duration::from_millis(300);

/// What an operation in the handler form left for the test to complete.
type Held = Arc<Mutex<Option<Completion<fn(u32)>>>>;

#[async_op]
fn async_hold(_executor: &IoExecutor, held: Held, op: Completion<fn(u32)>) {
    *held.lock().unwrap() = Some(op);
}

fn complete(held: &Held, value: u32) {
    let op = held.lock().unwrap().take();
    op.expect("an operation is held").complete(value);
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn a_leaked_read_does_not_write_to_its_buffer() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let wakes = Wakes::default();
    let mut buffer = [7; 4];
    let mut read = Box::pin(stream.async_read_some(&mut buffer, UseFuture));
    assert!(poll_with(read.as_mut(), &wakes.waker()).is_pending());
    mem::forget(read);
    // The borrow is over. What comes now may not go there.
    peer.write_all(b"data").unwrap();
    while wakes.count() == 0 {
        context.poll();
    }
    peer.write_all(b"more").unwrap();
    let mut other = [0; 8];
    assert_eq!(drive(&context, read_all(&stream, &mut other)), 8);
    assert_eq!((&other, buffer), (b"datamore", [7; 4]));
    // It was still registered, and so woken; once.
    assert_eq!((wakes.count(), wakes.wakers()), (1, 0));
    // It holds work for ever.
    assert!(!context.stopped());
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn a_leaked_operation_of_the_handler_form_is_completed_for_nobody() {
    let context = IoContext::new().unwrap();
    let held = Held::default();
    let wakes = Wakes::default();
    let mut future = Box::pin(async_hold(&context, Arc::clone(&held), UseFuture));
    assert!(poll_with(future.as_mut(), &wakes.waker()).is_pending());
    mem::forget(future);
    complete(&held, 1);
    assert_eq!(wakes.count(), 1);
    context.poll();
    assert!(!context.stopped());
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "leaks on purpose")]
fn a_leaked_wait_does_not_keep_others_from_the_timer() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(LATER);
    let wakes = Wakes::default();
    let mut wait = Box::pin(timer.async_wait(UseFuture));
    assert!(poll_with(wait.as_mut(), &wakes.waker()).is_pending());
    mem::forget(wait);
    timer.wait().blocking().unwrap();
    assert_eq!((wakes.count(), wakes.wakers()), (1, 0));
}

#[test]
fn a_dropped_future_is_not_woken() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let listener = listen(&context);
    let held = Held::default();
    let timer = Timer::new(&context);
    timer.expires_after(HOUR);

    let wakes = Wakes::default();
    let futures: [Pin<Box<dyn Future<Output = ()> + '_>>; 4] = [
        Box::pin(async { drop(stream.read_some([0; 4]).await) }),
        Box::pin(async { drop(listener.accept().await) }),
        Box::pin(async { timer.wait().await.unwrap() }),
        Box::pin(async { assert_eq!(async_hold(&context, Arc::clone(&held), UseFuture).await, 1) }),
    ];
    for mut future in futures {
        assert!(poll_with(future.as_mut(), &wakes.waker()).is_pending());
        assert_eq!(wakes.wakers(), 1);
    }
    // Dropped as the loop went on. Now comes what each waited for.
    assert_eq!(wakes.wakers(), 0);
    timer.expires_after(Duration::from_millis(1));
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    complete(&held, 1);
    peer.write_all(b"data").unwrap();
    // Others meet the events.
    stream.read_some(&mut [0; 4]).blocking().unwrap();
    listener.accept().blocking().unwrap();
    timer.wait().blocking().unwrap();
    assert_eq!((wakes.count(), wakes.wakers()), (0, 0));
    // They hold no work.
    assert_eq!(context.run(), 0);
    assert!(context.stopped());
}

#[test]
fn the_last_waker_is_woken_and_no_other() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let held = Held::default();
    let timer = Timer::new(&context);
    timer.expires_after(LATER);

    let mut futures: [Pin<Box<dyn Future<Output = ()> + '_>>; 3] = [
        Box::pin(async { drop(stream.read_some([0; 4]).await) }),
        Box::pin(async { timer.wait().await.unwrap() }),
        Box::pin(async { assert_eq!(async_hold(&context, Arc::clone(&held), UseFuture).await, 1) }),
    ];
    let wakes: Vec<Wakes> = (0..5).map(|_| Wakes::default()).collect();
    for wakes in &wakes {
        for future in &mut futures {
            assert!(poll_with(future.as_mut(), &wakes.waker()).is_pending());
        }
    }
    complete(&held, 1);
    peer.write_all(b"data").unwrap();
    let (last, others) = wakes.split_last().unwrap();
    while last.count() < 3 {
        context.poll();
    }
    for wakes in others {
        assert_eq!((wakes.count(), wakes.wakers()), (0, 0));
    }
    assert_eq!((last.count(), last.wakers()), (3, 0));
    for future in &mut futures {
        assert!(poll_with(future.as_mut(), Waker::noop()).is_ready());
    }
}

#[test]
fn a_future_moves_to_another_thread_between_polls() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let held = Held::default();
    let mut read = Box::pin(stream.async_read_some([0; 4], UseFuture));
    let mut hold = Box::pin(async_hold(&context, Arc::clone(&held), UseFuture));
    assert!(poll_with(read.as_mut(), Waker::noop()).is_pending());
    assert!(poll_with(hold.as_mut(), Waker::noop()).is_pending());
    let work = WorkGuard::new(context.executor());
    thread::scope(|scope| {
        scope.spawn(|| context.run());
        let there = scope.spawn(|| {
            let (result, buffer) = pollster::block_on(read);
            (result.unwrap(), buffer, pollster::block_on(hold))
        });
        peer.write_all(b"data").unwrap();
        complete(&held, 3);
        assert_eq!(there.join().unwrap(), (4, *b"data", 3));
        drop(work);
    });
}

#[test]
fn a_future_first_polled_in_a_handler_gives_its_work_back_elsewhere() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_pair(&context);
    let mut read = Box::pin(async move { stream.read_some([0; 4]).await });
    let (sender, receiver) = std::sync::mpsc::channel();
    post(&context.executor(), move || {
        assert!(poll_with(read.as_mut(), Waker::noop()).is_pending());
        sender.send(read).unwrap();
        peer.write_all(b"data").unwrap();
    });
    let elsewhere = thread::spawn(move || pollster::block_on(receiver.recv().unwrap()));
    // Without an end to the read there would be none to this.
    context.run();
    assert!(context.stopped());
    let (result, buffer) = elsewhere.join().unwrap();
    assert_eq!((result.unwrap(), buffer), (4, *b"data"));
}

/// The waker of one poll. Woken after it has been replaced, it says so.
struct Once {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Once {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Waits for a future with a new waker for each poll: only that of the last
/// poll can end the wait.
fn block_on_with_new_wakers<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        // The first is replaced at once: whoever wakes it in between has come
        // in time for the second poll.
        let mut last = None;
        for _ in 0..2 {
            let once = Arc::new(Once {
                thread: thread::current(),
                woken: AtomicBool::new(false),
            });
            let waker = Waker::from(Arc::clone(&once));
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            last = Some(once);
        }
        let last = last.expect("polled twice");
        while !last.woken.load(Ordering::SeqCst) {
            thread::park();
        }
    }
}

#[test]
fn no_wake_is_lost_when_each_poll_has_its_own_waker() {
    const ROUNDS: usize = 2000;
    let context = IoContext::new().unwrap();
    let (left, right) = pair(&context);
    let work = WorkGuard::new(context.executor());
    let held = Held::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| context.run());
        }
        let echo = scope.spawn(|| {
            block_on_with_new_wakers(async {
                for _ in 0..ROUNDS {
                    let mut byte = [0; 2];
                    assert_eq!(right.read_some(&mut byte).await.unwrap(), 1);
                    right.write_some(&byte[..1]).await.unwrap();
                }
            });
        });
        block_on_with_new_wakers(async {
            for n in 0..ROUNDS {
                let sent = [n as u8];
                let mut byte = [0; 2];
                left.write_some(&sent).await.unwrap();
                assert_eq!(left.read_some(&mut byte).await.unwrap(), 1);
                assert_eq!(byte[0], sent[0]);
            }
        });
        echo.join().unwrap();

        // The same of the handler form and of timers.
        let executor = context.executor();
        let timer = Timer::new(&context);
        block_on_with_new_wakers(async {
            for n in 0..ROUNDS as u32 {
                let other = Arc::clone(&held);
                let future = async_hold(&executor, Arc::clone(&held), UseFuture);
                let completer = async {
                    post(&executor, move || complete(&other, n));
                };
                let (value, ()) = smol::future::zip(future, completer).await;
                assert_eq!(value, n);
                if n % 20 == 0 {
                    timer.expires_after(Duration::from_micros(50));
                    timer.wait().await.unwrap();
                }
            }
        });
        drop(work);
    });
}
