//! No future keeps its thread to itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_op::group::{parallel_group, wait_for_all};
use async_op::io::{FuturesIo, write_all};
use async_op::net::Resolver;
use async_op::sync::Channel;
use async_op::time::{Timer, WallTimer};
use async_op::{IoContext, IoExecutor, spawn};
use async_op_tests::net::{local_pair, post};
use async_op_tests::{Form, HandlerForm, without_hanging};

/// Runs a future that would go on for ever if nobody else had a turn: it stops
/// when a task that was posted after it has run.
fn gives_way<F>(make: impl FnOnce(IoExecutor, Arc<AtomicBool>) -> F + Send + 'static)
where
    F: Future<Output = usize> + Send + 'static,
{
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicUsize::new(0));
        let counted = rounds.clone();
        let future = make(context.executor(), flag.clone());
        spawn(&context, future, move |n: usize| {
            counted.store(n, Ordering::SeqCst)
        });
        post(&context.executor(), move || {
            flag.store(true, Ordering::SeqCst)
        });
        context.run();
        let rounds = rounds.load(Ordering::SeqCst);
        assert!((100..1000).contains(&rounds), "{rounds} rounds");
    });
}

#[test]
fn timers_that_have_expired() {
    gives_way(|context, flag| async move {
        let timer = Timer::new(&context);
        let mut rounds = 0;
        while !flag.load(Ordering::SeqCst) {
            timer.wait().await.unwrap();
            rounds += 1;
        }
        rounds
    });
}

#[test]
fn times_of_day_that_are_past() {
    gives_way(|context, flag| async move {
        let timer = WallTimer::new(&context);
        let mut rounds = 0;
        while !flag.load(Ordering::SeqCst) {
            timer.wait().await.unwrap();
            rounds += 1;
        }
        rounds
    });
}

#[test]
fn addresses_in_writing() {
    gives_way(|context, flag| async move {
        let resolver = Resolver::new(&context);
        let mut rounds = 0;
        while !flag.load(Ordering::SeqCst) {
            resolver.resolve("127.0.0.1", 80).await.unwrap();
            rounds += 1;
        }
        rounds
    });
}

#[test]
fn a_socket_that_is_always_ready() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let future = async move {
            let (a, b) = local_pair(&executor);
            write_all(&a, &[7; 2000]).await.unwrap();
            assert_eq!(b.read_some(&mut [0; 1]).await.unwrap(), 1);
            // From here on it need not wait.
            let flag = Arc::new(AtomicBool::new(false));
            let set = flag.clone();
            post(&executor, move || set.store(true, Ordering::SeqCst));
            let mut rounds = 0;
            while !flag.load(Ordering::SeqCst) {
                assert_eq!(b.read_some(&mut [0; 1]).await.unwrap(), 1);
                rounds += 1;
            }
            assert!((100..1000).contains(&rounds), "{rounds} rounds");
        };
        spawn(&context, future, |()| ());
        context.run();
    });
}

#[test]
fn operations_that_complete_at_once() {
    gives_way(|context, flag| async move {
        let mut rounds = 0;
        while !flag.load(Ordering::SeqCst) {
            rounds += HandlerForm::future_now(&context).await as usize;
        }
        rounds
    });
}

#[test]
fn a_channel_with_room() {
    gives_way(|context, flag| async move {
        let channel = Channel::new(&context, 1);
        let mut rounds = 0;
        while !flag.load(Ordering::SeqCst) {
            channel.send(1).await.unwrap();
            rounds += channel.receive().await.unwrap() * 2;
        }
        rounds
    });
}

#[test]
fn a_copy_of_what_never_ends() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let zeroes = FuturesIo::new(context.executor(), futures_lite::io::repeat(0));
        let sink = FuturesIo::new(context.executor(), futures_lite::io::sink());
        let signal = async_op::cancel::CancellationSignal::new();
        let token =
            async_op::bind_cancellation_slot(signal.slot(), |transfer: async_op::io::Transfer| {
                assert!(async_op::is_cancelled(&transfer.result.unwrap_err()));
                assert!(transfer.bytes > 0);
            });
        async_op::io::async_copy(&zeroes, &sink, token);
        // It is asked to stop by a task: that has to have a turn.
        post(&context.executor(), move || {
            signal.emit(async_op::cancel::CancellationType::TERMINAL)
        });
        context.run();
    });
}

#[test]
fn a_foreign_poller_inside_goes_on() {
    // It cannot return to the frame that it is inside of.
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let executor = context.executor();
        let future = async move {
            let timer = Timer::new(&executor);
            pollster::block_on(async {
                for _ in 0..1000 {
                    timer.wait().await.unwrap();
                }
            });
        };
        spawn(&context, future, |()| ());
        context.run();
    });
}

#[test]
fn outside_of_any_frame_nobody_is_made_to() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let mut future = Box::pin(async {
        for _ in 0..1000 {
            timer.wait().await.unwrap();
        }
    });
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn groups_of_what_is_ready() {
    gives_way(|context, flag| async move {
        let (a, b) = (Channel::new(&context, 1), Channel::new(&context, 1));
        let mut rounds = 0;
        while !flag.load(Ordering::SeqCst) {
            for channel in [&a, &b] {
                channel.try_send(0).unwrap();
            }
            let group = parallel_group((a.receive(), b.receive()));
            let (_, (a, b)) = group.wait(wait_for_all()).await;
            rounds += 1 + 2 + a.unwrap() + b.unwrap();
        }
        rounds
    });
}
