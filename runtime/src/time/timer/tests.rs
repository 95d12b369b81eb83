use std::iter;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::thread;

use super::*;
use crate::context::IoContext;
use crate::shim::plain::Mutex;

#[test]
#[cfg(target_pointer_width = "64")]
fn a_timer_is_one_small_block() {
    // With its count it is 96 bytes, which is a size that is recycled.
    assert!(size_of::<TimerState>() <= 88);
}

#[test]
fn an_entry_stays_for_the_next_wait_and_goes_with_the_timer() {
    let hours = |n: u64| Duration::from_secs(3600 * n);
    let context = IoContext::new().unwrap();
    let reactor = context.reactor().unwrap();
    let wait = |timer: &Timer| {
        let mut wait = pin!(timer.wait());
        let mut poll = || wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        assert_eq!(reactor.timers(), 1);
        assert_eq!(timer.cancel(), 1);
        assert!(poll().is_ready());
    };
    let timer = Timer::new(&context);
    for (hour, left) in [(2, 0), (3, 1), (3, 1), (1, 0), (2, 1)] {
        timer.expires_after(hours(hour));
        assert_eq!(reactor.timers(), left);
        wait(&timer);
    }
    assert_eq!(reactor.timers(), 1);
    let other = timer.clone();
    drop(timer);
    assert_eq!(reactor.timers(), 1);
    // Whoever has the last handle, an operation too.
    let wait = other.wait();
    drop(other);
    assert_eq!(reactor.timers(), 1);
    drop(wait);
    assert_eq!(reactor.timers(), 0);
}

/// Starts a wait, unless the timer has expired.
fn start(timer: &Timer) -> Option<impl Future<Output = io::Result<()>> + Send + use<>> {
    let mut wait = Box::pin(timer.wait());
    let mut cx = Context::from_waker(Waker::noop());
    wait.as_mut().poll(&mut cx).is_pending().then_some(wait)
}

/// Runs `ours` and drops what `make` returns, on two threads at once, many times;
/// then nothing may be left in the reactor.
fn race<T: Send>(
    context: &IoContext,
    mut make: impl FnMut() -> Option<(Timer, T)>,
    ours: impl Fn(Timer),
) {
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 20_000 };
    let arrived = AtomicUsize::new(0);
    // Both are awake when they go on, or they would not meet.
    let meet = |times: usize| {
        arrived.fetch_add(1, Ordering::AcqRel);
        let mut spins = 0_u32;
        while arrived.load(Ordering::Acquire) < 2 * times {
            spins += 1;
            if spins % 1000 == 0 {
                thread::yield_now();
            }
        }
    };
    let reactor = context.reactor().unwrap();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel::<T>();
        scope.spawn(move || {
            for (round, theirs) in receiver.iter().enumerate() {
                meet(2 * round + 1);
                drop(theirs);
                meet(2 * round + 2);
            }
        });
        for round in 0..ROUNDS {
            let (timer, theirs) = iter::repeat_with(&mut make).flatten().next().unwrap();
            assert_eq!(reactor.timers(), 1);
            sender.send(theirs).unwrap();
            meet(2 * round + 1);
            ours(timer);
            meet(2 * round + 2);
            assert_eq!(reactor.timers(), 0, "in round {round}");
        }
    });
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn what_is_put_off_keeps_its_turn() {
    let context = IoContext::new().unwrap();
    let fired = Arc::new(Mutex::new(Vec::new()));
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    // Its entry stays where it was set first.
    let put_off = |first, then| {
        let timer = Timer::new(&context);
        timer.expires_at(at(first));
        drop(start(&timer));
        timer.expires_at(at(then));
        timer
    };
    let timers = [
        put_off(20, 25),
        put_off(30, 30),
        put_off(21, 31),
        put_off(22, 31),
        put_off(32, 32),
        put_off(23, 40),
        put_off(33, 41),
        put_off(24, 3_600_000),
    ];
    for (number, timer) in timers.iter().enumerate() {
        let fired = Arc::clone(&fired);
        timer.wait().callback(move |result| {
            result.unwrap();
            fired.lock().push(number);
        });
    }
    while Instant::now() < at(41) {}
    // In one batch, but for the last two.
    context.poll();
    assert_eq!(*fired.lock(), [0, 1, 2, 3, 4, 5, 6]);
}

/// What finds waits for requests to cancel is there until their handlers are called.
#[test]
#[cfg_attr(miri, ignore = "so many waits take an hour")]
fn the_entry_goes_however_many_have_waited() {
    use crate::adapter::bind::bind_cancellation_slot;
    use crate::cancel::CancellationGroup;

    const WAITS: usize = (1 << (usize::BITS / 4)) + 1;
    let context = IoContext::new().unwrap();
    let reactor = context.reactor().unwrap();
    let (timer, group) = (Timer::new(&context), CancellationGroup::new());
    timer.expires_after(HOUR);
    for _ in 0..WAITS {
        let handler = |result: io::Result<()>| assert!(result.is_err());
        timer.async_wait(bind_cancellation_slot(group.slot(), handler));
    }
    assert_eq!(timer.cancel(), WAITS);
    drop(timer);
    assert_eq!(context.run(), WAITS);
    assert_eq!(reactor.timers(), 0);
}

#[test]
fn the_last_handles_may_go_at_once() {
    let context = IoContext::new().unwrap();
    let cancelled = || {
        let timer = Timer::new(&context);
        timer.expires_after(HOUR);
        drop(start(&timer)?);
        Some((timer.clone(), timer))
    };
    race(&context, cancelled, drop);
    // And while the reactor has another handle for a while.
    let put_off = || {
        let timer = Timer::new(&context);
        let early = Instant::now() + Duration::from_micros(50);
        timer.expires_at(early);
        drop(start(&timer)?);
        // Its entry is for the earlier time still.
        timer.expires_after(HOUR);
        let wait = start(&timer)?;
        while Instant::now() < early {}
        Some((timer.clone(), (timer, wait)))
    };
    race(&context, put_off, |timer| {
        drop(timer);
        context.poll();
    });
}
