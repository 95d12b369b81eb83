//! `Channel`: nothing is lost, nothing comes twice, all come in order.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::executor::{Strand, ThreadPool};
use async_op::sync::{Channel, SendError};
use async_op::{
    Blocking, Handler, IoContext, UseFuture, bind_cancellation_slot, bind_executor, cancel_after,
    is_cancelled, is_timeout, spawn,
};
use async_op_tests::{
    Alive, CountingHeap, Log, Polled, Probe, Recorder, Slot, heap_allocations_here, without_hanging,
};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

fn receives(log: &Log) -> impl FnOnce(io::Result<u32>) + Send + 'static {
    let log = log.clone();
    move |result| match result {
        Ok(n) => log.push(format!("r{n}")),
        Err(error) => log.push(format!("r:{}", why(&error))),
    }
}

fn sends(log: &Log) -> impl FnOnce(Result<(), SendError<u32>>) + Send + 'static {
    let log = log.clone();
    move |result| match result {
        Ok(()) => log.push("s"),
        Err(error) => {
            let why = why(error.error());
            log.push(format!("s{}:{why}", error.into_value()));
        }
    }
}

fn why(error: &io::Error) -> String {
    if is_cancelled(error) {
        return "cancelled".to_owned();
    }
    format!("{:?}", error.kind())
}

fn pending<F: Future>(future: &mut Polled<F>) {
    assert!(future.poll().is_pending());
}

fn ready<F: Future>(future: &mut Polled<F>) -> F::Output {
    match future.poll() {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready"),
    }
}

#[test]
fn sends_wait_where_there_is_no_room() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 2);
    for n in 1..=4 {
        channel.async_send(n, sends(&log));
    }
    assert_eq!((context.poll(), &*log.take()), (2, "s s"));
    assert_eq!((channel.len(), channel.capacity()), (2, 2));
    // Each receive makes room for one.
    channel.async_receive(receives(&log));
    context.poll();
    assert_eq!((&*log.take(), channel.len()), ("s r1", 2));
    for _ in 0..3 {
        channel.async_receive(receives(&log));
    }
    context.poll();
    assert_eq!((&*log.take(), channel.len()), ("s r2 r3 r4", 0));
    assert_eq!(context.run(), 0);
}

#[test]
fn receives_wait_in_turn() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 2);
    for id in ["a", "b", "c"] {
        let log = log.clone();
        channel
            .receive()
            .callback(move |n| log.push(format!("{id}{}", n.unwrap())));
    }
    for n in 1..=4 {
        channel.try_send(n).unwrap();
    }
    assert_eq!(channel.len(), 1);
    context.run();
    assert_eq!(log.take(), "a1 b2 c3");
}

#[test]
fn without_capacity_they_meet() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 0);
    channel.async_send(1, sends(&log));
    channel.async_send(2, sends(&log));
    assert_eq!((context.poll(), &*log.take()), (0, ""));
    assert_eq!(
        channel.try_send(3).unwrap_err().error().kind(),
        ErrorKind::WouldBlock
    );
    channel.async_receive(receives(&log));
    assert_eq!((context.poll(), &*log.take()), (2, "s r1"));
    assert_eq!(channel.try_receive().unwrap(), 2);
    assert_eq!((context.poll(), &*log.take()), (1, "s"));
    context.restart();
    channel.async_receive(receives(&log));
    channel.try_send(4).unwrap();
    assert_eq!((context.poll(), &*log.take()), (1, "r4"));
    let empty = channel.try_receive().unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::WouldBlock);
}

#[test]
fn closed() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 1);
    channel.try_send(1).unwrap();
    channel.async_send(2, sends(&log));
    assert!(channel.close() && !channel.close() && channel.is_closed());
    // Those who wait to send fail, and so do those who come.
    channel.async_send(3, sends(&log));
    context.run();
    assert_eq!(log.take(), "s2:BrokenPipe s3:BrokenPipe");
    let error = channel.try_send(4).unwrap_err();
    assert_eq!(
        (error.error().kind(), error.into_value()),
        (ErrorKind::BrokenPipe, 4)
    );
    // What is kept is still received.
    assert_eq!(channel.receive().blocking().unwrap(), 1);
    let error = channel.receive().blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(
        channel.try_receive().unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );

    // Those who wait to receive fail.
    let channel = Channel::new(&context, 1);
    channel.async_receive(receives(&log));
    channel.close();
    context.restart();
    context.run();
    assert_eq!(log.take(), "r:BrokenPipe");
}

#[test]
fn cancelled() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 0);
    channel.async_send(1, sends(&log));
    channel.async_send(2, sends(&log));
    assert_eq!((channel.cancel(), channel.cancel()), (2, 0));
    assert_eq!(
        (context.run(), &*log.take()),
        (2, "s1:cancelled s2:cancelled")
    );
    channel.async_receive(receives(&log));
    assert_eq!(channel.cancel(), 1);
    context.restart();
    assert_eq!((context.run(), &*log.take()), (1, "r:cancelled"));
    // The channel is as before.
    channel.async_receive(receives(&log));
    channel.try_send(3).unwrap();
    context.restart();
    assert_eq!((context.run(), &*log.take()), (1, "r3"));
}

#[test]
fn asked_to_stop_while_they_wait() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 0);
    let signal = CancellationSignal::new();
    channel.async_send(1, bind_cancellation_slot(signal.slot(), sends(&log)));
    signal.emit(CancellationType::TOTAL);
    assert_eq!((context.run(), &*log.take()), (1, "s1:cancelled"));
    channel.async_receive(bind_cancellation_slot(signal.slot(), receives(&log)));
    signal.emit(CancellationType::TOTAL);
    context.restart();
    assert_eq!((context.run(), &*log.take()), (1, "r:cancelled"));
    let result = channel
        .send(2)
        .cancel_after(Duration::from_millis(1))
        .blocking();
    let error = result.unwrap_err();
    assert!(is_timeout(error.error()) && error.into_value() == 2);
    let result = channel.async_receive(cancel_after(Duration::from_millis(1), Blocking));
    assert!(is_timeout(&result.unwrap_err()));
}

#[test]
fn asked_to_stop_when_they_have_been_served() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 0);
    let signals = [CancellationSignal::new(), CancellationSignal::new()];
    channel.async_receive(bind_cancellation_slot(signals[0].slot(), receives(&log)));
    channel.try_send(1).unwrap();
    signals[0].emit(CancellationType::ALL);
    assert_eq!((context.run(), &*log.take()), (1, "r1"));
    channel.async_send(2, bind_cancellation_slot(signals[1].slot(), sends(&log)));
    assert_eq!(channel.try_receive().unwrap(), 2);
    signals[1].emit(CancellationType::ALL);
    context.restart();
    assert_eq!((context.run(), &*log.take()), (1, "s"));
}

#[test]
fn a_dropped_send_has_sent_its_value_or_drops_it() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::new(&context, 0);
    let mut waits = Polled::new(channel.send(Alive::new(&log, "dropped")));
    pending(&mut waits);
    assert_eq!(log.take(), "");
    assert_eq!(waits.drop_future().counts(), (0, 0));
    assert_eq!(log.take(), "dropped");
    assert_eq!(
        channel.try_receive().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    let mut sent = Polled::new(channel.send(Alive::new(&log, "second")));
    pending(&mut sent);
    let value = channel.try_receive().unwrap();
    drop(sent);
    assert_eq!(log.take(), "");
    drop(value);
    assert_eq!(log.take(), "second");
}

#[test]
fn what_a_dropped_receive_was_given_goes_to_the_next_in_its_place() {
    for capacity in [0, 4] {
        let context = IoContext::new().unwrap();
        let channel = Channel::new(&context, capacity);
        let mut all: Vec<_> = (0..3).map(|_| Polled::new(channel.receive())).collect();
        all.iter_mut().for_each(pending);
        for n in 1..=3 {
            channel.try_send(n).unwrap();
        }
        // The second first: its value is the older one of those that come back.
        assert_eq!(all.remove(1).drop_future().counts().0, 1);
        assert_eq!(channel.len(), 1);
        drop(all.remove(0));
        assert_eq!(channel.len(), 2);
        let mut late = Polled::new(channel.receive());
        assert_eq!(ready(&mut late).unwrap(), 1);
        assert_eq!(channel.receive().blocking().unwrap(), 2);
        assert_eq!(ready(&mut all[0]).unwrap(), 3);

        // Or to one that waits, at once.
        let mut all: Vec<_> = (0..2).map(|_| Polled::new(channel.receive())).collect();
        all.iter_mut().for_each(pending);
        channel.try_send(4).unwrap();
        drop(all.remove(0));
        assert_eq!((channel.len(), all[0].wakes()), (0, 1));
        assert_eq!(ready(&mut all[0]).unwrap(), 4);
    }
}

#[test]
fn a_dropped_receive_that_waits_leaves_its_turn() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, 0);
    let mut all: Vec<_> = (0..3).map(|_| Polled::new(channel.receive())).collect();
    all.iter_mut().for_each(pending);
    assert_eq!(all.remove(1).drop_future().counts(), (0, 0));
    channel.try_send(1).unwrap();
    channel.try_send(2).unwrap();
    assert_eq!(
        all.iter_mut()
            .map(|f| ready(f).unwrap())
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn over_every_token_and_on_every_executor() {
    let context = IoContext::new().unwrap();
    let strand = Strand::new(context.executor());
    let pool = ThreadPool::new(1).unwrap();
    let on_strand: Channel<u32, Strand<_>> = Channel::new(&strand, 1);
    let on_pool = Channel::<u32, _>::new(&pool, 1);
    let echo = (on_strand.clone(), on_pool.clone());
    spawn(
        &pool,
        async move {
            let n = echo.1.receive().await?;
            echo.0.async_send(n + 1, UseFuture).await?;
            Ok(())
        },
        |result: io::Result<()>| result.unwrap(),
    );
    on_pool.async_send(1, Blocking).unwrap();
    assert_eq!(on_strand.receive().blocking().unwrap(), 2);
}

#[test]
fn a_dropped_context_destroys_those_who_wait() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let channel = Channel::<u32>::new(&context, 0);
    // The operation has the only other handle.
    let handle = channel.clone();
    let dropped = Alive::new(&log, "dropped");
    channel.receive().callback(move |_| drop((handle, dropped)));
    let mut elsewhere = Polled::new(channel.receive());
    pending(&mut elsewhere);
    assert_eq!(log.take(), "");
    drop(context);
    assert_eq!(log.take(), "dropped");
    assert_eq!(elsewhere.wakes(), 1);
    assert_eq!(ready(&mut elsewhere).unwrap_err().kind(), ErrorKind::Other);
    let mut late = Polled::new(channel.send(1));
    let error = ready(&mut late).unwrap_err();
    assert_eq!(
        (error.error().kind(), error.into_value()),
        (ErrorKind::Other, 1)
    );
}

#[test]
fn made_when_its_context_is_gone() {
    let context = IoContext::new().unwrap();
    let executor = context.executor();
    drop(context);
    let channel = Channel::<u32>::new(&executor, 1);
    let mut late = Polled::new(channel.receive());
    assert_eq!(ready(&mut late).unwrap_err().kind(), ErrorKind::Other);
}

#[test]
fn one_block_for_each_operation() {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let channel = Channel::new(&context, 0);
    let receive = Probe::calling(&log, |(n,): (io::Result<u32>,)| assert_eq!(n.unwrap(), 7));
    channel.async_receive(Handler(receive.allocating(&memory)));
    assert_eq!(log.take(), "A0");
    channel.try_send(7).unwrap();
    assert_eq!((context.run(), &*log.take()), (1, "D0 call"));
    let send = Probe::calling(&log, |(result,): (Result<(), SendError<u32>>,)| {
        result.unwrap();
    });
    channel.async_send(8, Handler(send.allocating(&memory)));
    assert_eq!(channel.try_receive().unwrap(), 8);
    context.restart();
    assert_eq!((context.run(), &*log.take()), (1, "A1 D1 call"));
    memory.assert_balanced();
}

#[test]
#[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
fn a_ping_pong_without_the_heap() {
    fn pong(ping: Channel<u32>, answer: Channel<u32>) {
        ping.clone().receive().callback(move |n| {
            let Ok(n) = n else { return };
            if n == 0 {
                ping.close();
                answer.close();
            } else {
                answer.clone().send(n - 1).callback(move |result| {
                    result.unwrap();
                    pong(ping, answer);
                });
            }
        });
    }

    let context = IoContext::new().unwrap();
    let (a, b) = (Channel::new(&context, 0), Channel::new(&context, 0));
    pong(a.clone(), b.clone());
    pong(b, a.clone());
    a.send(1000).detach();
    for _ in 0..20 {
        assert_eq!(context.run_one(), 1);
    }
    let before = heap_allocations_here();
    assert_eq!(context.run(), 1983);
    assert_eq!(heap_allocations_here() - before, 0);
}

#[test]
fn a_conversation_in_two_frames_from_two_blocks() {
    let context = IoContext::new().unwrap();
    let slots = [Slot::new(), Slot::new()];
    let (a, b) = (Channel::new(&context, 0), Channel::new(&context, 0));
    for (slot, from, to) in [(&slots[0], &a, &b), (&slots[1], &b, &a)] {
        let (from, to) = (from.clone(), to.clone());
        let talk = async move {
            while let Ok(n) = from.receive().await {
                if n == 0 {
                    from.close();
                    to.close();
                } else {
                    to.send(n - 1).await.unwrap();
                }
            }
        };
        let token = async_op::bind_allocator(slot.clone(), || {});
        spawn(&context, talk, async_op::adapter::adapt(Unit, token));
    }
    a.send(1001).detach();
    context.run();
    for slot in &slots {
        assert_eq!((slot.allocations(), slot.in_use()), (1, false));
    }
}

/// Makes the unit result of a future none.
struct Unit;

impl async_op::adapter::AdapterAssociations for Unit {}
impl async_op::adapter::Adapter<fn(())> for Unit {
    type Signature = fn();

    fn map(self, _: ((),)) {}
}

/// Senders and receivers on several threads, of which some give up at any time.
#[test]
fn on_several_threads_every_value_arrives_once() {
    const SENDERS: usize = 3;
    const EACH: usize = 400;

    for capacity in [0, 1, 5] {
        without_hanging(move || {
            let context = IoContext::new().unwrap();
            let channel = Channel::new(&context, capacity);
            let seen = Mutex::new(Vec::new());
            let sending = AtomicUsize::new(SENDERS);
            thread::scope(|scope| {
                for sender in 0..SENDERS {
                    let (channel, sending) = (channel.clone(), &sending);
                    scope.spawn(move || {
                        for n in 0..EACH {
                            let mut value = sender * EACH + n;
                            // Those that give up have their value back.
                            loop {
                                let send = channel.send(value);
                                let limit = Duration::from_micros((n % 7) as u64 * 20);
                                match send.cancel_after(limit).with(Waits) {
                                    Ok(()) => break,
                                    Err(error) => value = error.into_value(),
                                }
                            }
                        }
                        if sending.fetch_sub(1, Ordering::SeqCst) == 1 {
                            channel.close();
                        }
                    });
                }
                for receiver in 0..2 {
                    let (channel, seen) = (channel.clone(), &seen);
                    scope.spawn(move || {
                        for round in 0.. {
                            if (round + receiver) % 3 == 0 {
                                // Given up at any time, with or without a value.
                                let mut future = Polled::new(channel.receive());
                                if let Poll::Ready(Ok(n)) = future.poll() {
                                    seen.lock().unwrap().push(n);
                                }
                                continue;
                            }
                            match channel.async_receive(Waits) {
                                Ok(n) => seen.lock().unwrap().push(n),
                                Err(error) => {
                                    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                                    break;
                                }
                            }
                        }
                    });
                }
                let work = async_op::executor::WorkGuard::new(context.executor());
                let context = &context;
                scope.spawn(move || {
                    let _work = work;
                    while !channel.is_closed() {
                        context.run_for(Duration::from_millis(1));
                    }
                });
            });
            let seen = seen.into_inner().unwrap();
            assert_eq!(seen.len(), SENDERS * EACH);
            assert_eq!(seen.iter().collect::<HashSet<_>>().len(), SENDERS * EACH);
        });
    }
}

/// A token that parks its thread.
struct Waits;

impl<'op, S: async_op::Signature> async_op::CompletionToken<'op, S> for Waits {
    type Return<I: async_op::Initiation<S> + 'op> = S::Output;

    fn initiate<I: async_op::Initiation<S> + 'op>(self, initiation: I) -> S::Output {
        pollster::block_on(initiation)
    }
}

/// Asio's `reset` and `ready`.
#[test]
fn a_channel_that_is_reset_is_open_and_empty() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, 1);
    assert!(!channel.is_ready());
    channel.try_send(1).unwrap();
    assert!(channel.is_ready());
    let log = Log::new();
    let to = log.clone();
    channel
        .send(2)
        .callback(move |result: Result<(), SendError<u32>>| {
            let error = result.unwrap_err();
            let is_cancelled = is_cancelled(error.error());
            to.push(format!("{} {is_cancelled}", error.into_value()));
        });
    channel.close();
    assert!(channel.is_ready());
    channel.reset();
    assert!(!channel.is_closed() && channel.is_empty() && !channel.is_ready());
    context.run();
    // Closing has failed it before.
    assert_eq!(log.take(), "2 false");

    let to = log.clone();
    channel.receive().callback(move |result| {
        to.push(format!("{}", is_cancelled(&result.unwrap_err())));
    });
    channel.reset();
    context.restart();
    context.run();
    assert_eq!(log.take(), "true");
    channel.try_send(3).unwrap();
    assert_eq!(channel.try_receive().unwrap(), 3);
}

#[test]
fn a_sender_that_waits_makes_a_channel_ready() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, 0);
    assert!(!channel.is_ready());
    channel.send(1).callback(|result| result.unwrap());
    assert!(channel.is_ready());
    assert_eq!(channel.try_receive().unwrap(), 1);
    assert!(!channel.is_ready());
    context.run();
    drop(context);
    channel.reset();
    assert!(channel.is_closed(), "its context is gone");
}

/// Nobody has received it, so it is dropped with the others; what was sent since is not.
#[test]
fn what_a_dropped_receive_was_given_before_a_reset_is_gone() {
    let context = IoContext::new().unwrap();
    let channel = Channel::new(&context, 2);
    let receive = || {
        let mut future = Polled::new(channel.receive());
        pending(&mut future);
        future
    };
    let (before, after) = (receive(), receive());
    channel.try_send(1).unwrap();
    channel.reset();
    drop((before, after));
    assert!(channel.is_empty());
    let later = receive();
    channel.try_send(2).unwrap();
    drop(later);
    assert_eq!(channel.try_receive().unwrap(), 2);
}

/// By one thread served, and by another cancelled: what each is told is what has become of it.
#[test]
fn served_and_cancelled_at_the_same_time() {
    const ROUNDS: u32 = if cfg!(any(miri, windows)) { 50 } else { 2_000 };
    without_hanging(|| {
        let (context, other) = (IoContext::new().unwrap(), IoContext::new().unwrap());
        let channel = Channel::new(&context, 0);
        for round in 0..ROUNDS {
            let log = Log::new();
            channel.async_receive(bind_executor(other.executor(), receives(&log)));
            let sent = thread::scope(|scope| {
                let sent = scope.spawn(|| channel.try_send(round).is_ok());
                match round % 2 {
                    0 => drop(channel.cancel()),
                    _ => channel.reset(),
                }
                sent.join().unwrap()
            });
            assert_eq!((context.run(), other.run()), (0, 1));
            let said = match sent {
                true => format!("r{round}"),
                false => "r:cancelled".into(),
            };
            assert_eq!((log.take(), channel.len()), (said, 0));
            context.restart();
            other.restart();
        }
    });
}
