use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::task::Waker;

use super::*;
use crate::test::TestContext;

type Result = io::Result<(&'static str, SocketAddr)>;

/// Attempts whose outcome is put there by hand.
#[derive(Clone, Default)]
struct Attempts(Rc<RefCell<HashMap<SocketAddr, Attempt>>>);

#[derive(Default)]
struct Attempt {
    outcome: Option<io::Result<&'static str>>,
    polls: usize,
    is_dropped: bool,
}

struct UnderWay(Attempts, SocketAddr);

impl Attempts {
    fn begin(&self, address: SocketAddr) -> UnderWay {
        let mut attempts = self.0.borrow_mut();
        assert!(attempts.insert(address, Attempt::default()).is_none());
        UnderWay(self.clone(), address)
    }

    fn end(&self, address: SocketAddr, outcome: io::Result<&'static str>) {
        let mut attempts = self.0.borrow_mut();
        attempts.get_mut(&address).unwrap().outcome = Some(outcome);
    }

    /// The ports of those that are under way, in their order.
    fn under_way(&self) -> Vec<u16> {
        let attempts = self.0.borrow();
        let under_way = attempts.iter().filter(|(_, attempt)| !attempt.is_dropped);
        let mut ports: Vec<_> = under_way.map(|(address, _)| address.port()).collect();
        ports.sort_unstable();
        ports
    }

    fn polls(&self, address: SocketAddr) -> usize {
        self.0.borrow()[&address].polls
    }
}

impl Future for UnderWay {
    type Output = io::Result<&'static str>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let mut attempts = self.0.0.borrow_mut();
        let attempt = attempts.get_mut(&self.1).unwrap();
        attempt.polls += 1;
        attempt.outcome.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut attempts = self.0.0.borrow_mut();
        attempts.get_mut(&self.1).unwrap().is_dropped = true;
    }
}

fn v4(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn v6(port: u16) -> SocketAddr {
    ([0, 0, 0, 0, 0, 0, 0, 1], port).into()
}

fn refused() -> io::Result<&'static str> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

/// Polls a race by hand.
macro_rules! race {
    ($context:ident, $attempts:ident, $poll:ident, $addresses:expr) => {
        let $context = TestContext::new();
        let $attempts = Attempts::default();
        let executor = $context.executor();
        let begin = |address| $attempts.begin(address);
        let mut racing = Box::pin(race(&executor, $addresses, begin));
        let mut $poll = || -> Poll<Result> {
            let polled = racing
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            polled
        };
    };
}

#[test]
fn one_after_another() {
    race!(context, attempts, poll, [v6(1), v6(3), v4(2)]);
    assert!(poll().is_pending());
    assert_eq!(attempts.under_way(), [1]);
    context.advance(PAUSE - Duration::from_nanos(1));
    assert!(poll().is_pending());
    assert_eq!(attempts.under_way(), [1]);
    for under_way in [&[1, 2][..], &[1, 2, 3], &[1, 2, 3]] {
        context.advance(PAUSE);
        assert!(poll().is_pending());
        assert_eq!(attempts.under_way(), under_way);
    }
    attempts.end(v4(2), Ok("second"));
    let Poll::Ready(Ok(connected)) = poll() else {
        panic!("there is one")
    };
    assert_eq!(connected, ("second", v4(2)));
}

#[test]
fn the_first_that_began_is_preferred() {
    race!(context, attempts, poll, [v6(1), v4(2), v6(3)]);
    assert!(poll().is_pending());
    context.advance(PAUSE);
    assert!(poll().is_pending());
    attempts.end(v4(2), Ok("late"));
    attempts.end(v6(1), Ok("early"));
    let Poll::Ready(Ok(connected)) = poll() else {
        panic!("there are two")
    };
    assert_eq!(connected, ("early", v6(1)));
    // The third has never begun, nor has its time.
    assert_eq!(attempts.0.borrow().len(), 2);
}

#[test]
fn a_failure_gives_the_next_its_turn_and_its_time() {
    race!(context, attempts, poll, [v4(1), v4(2), v4(3)]);
    assert!(poll().is_pending());
    context.advance(PAUSE / 2);
    attempts.end(v4(1), refused());
    assert!(poll().is_pending());
    assert_eq!(attempts.under_way(), [2]);
    // What was left of the first one's time is nobody's.
    context.advance(PAUSE / 2);
    assert!(poll().is_pending());
    assert_eq!(attempts.under_way(), [2]);
    context.advance(PAUSE / 2);
    assert!(poll().is_pending());
    assert_eq!(attempts.under_way(), [2, 3]);
    // One that fails when all have begun is no more than that.
    attempts.end(v4(3), refused());
    assert!(poll().is_pending());
    attempts.end(v4(2), Err(io::ErrorKind::TimedOut.into()));
    let Poll::Ready(Err(error)) = poll() else {
        panic!("all have failed")
    };
    // That of the last address, not of the last to fail.
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let errors = error.get_ref().unwrap().downcast_ref::<ConnectErrors>();
    let kinds = errors
        .unwrap()
        .attempts()
        .iter()
        .map(|(_, error)| error.kind());
    use io::ErrorKind::{ConnectionRefused, TimedOut};
    assert!(kinds.eq([ConnectionRefused, TimedOut, ConnectionRefused]));
}

/// That of an address to which there is no way counts where no other does.
#[test]
fn the_kind_is_that_of_a_peer() {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut,
    };
    #[cfg(unix)]
    let no_such_family = libc::EAFNOSUPPORT;
    #[cfg(not(unix))]
    let no_such_family = 10_047;
    let no_such_family = || io::Error::from_raw_os_error(no_such_family);
    let of_all = |kinds: &[io::ErrorKind], and_last: bool| {
        let mut errors: Vec<_> = kinds.iter().map(|&kind| io::Error::from(kind)).collect();
        errors.extend(and_last.then(no_such_family));
        let error = ConnectErrors::of(errors.into_iter().map(|error| (v4(1), error)));
        let source: &io::Error = std::error::Error::source(error.get_ref().unwrap())
            .unwrap()
            .downcast_ref()
            .unwrap();
        assert_eq!(source.kind(), error.kind());
        error.kind()
    };
    for (kinds, of) in [
        (
            &[ConnectionRefused, NetworkUnreachable][..],
            ConnectionRefused,
        ),
        (
            &[TimedOut, ConnectionRefused, AddrNotAvailable],
            ConnectionRefused,
        ),
        (&[ConnectionRefused, HostUnreachable], HostUnreachable),
        (&[AddrNotAvailable, TimedOut], TimedOut),
        (&[AddrNotAvailable, NetworkUnreachable], NetworkUnreachable),
    ] {
        assert_eq!(of_all(kinds, false), of);
    }
    assert_eq!(of_all(&[TimedOut, NetworkUnreachable], true), TimedOut);
    assert_eq!(of_all(&[NetworkUnreachable], true), no_such_family().kind());
}

#[test]
fn each_is_polled_once_for_each_poll() {
    race!(context, attempts, poll, [v4(1), v4(2)]);
    assert!(poll().is_pending());
    assert_eq!(attempts.polls(v4(1)), 1);
    context.advance(PAUSE);
    assert!(poll().is_pending());
    // And again, now that another is beside it.
    assert_eq!((attempts.polls(v4(1)), attempts.polls(v4(2))), (3, 1));
    assert!(poll().is_pending());
    assert_eq!((attempts.polls(v4(1)), attempts.polls(v4(2))), (4, 2));
}

#[test]
fn what_is_cancelled_ends_it() {
    race!(_context, attempts, poll, [v4(1), v4(2)]);
    assert!(poll().is_pending());
    attempts.end(v4(1), Err(crate::cancel::cancelled()));
    let Poll::Ready(Err(error)) = poll() else {
        panic!("asked to stop")
    };
    assert!(is_cancelled(&error));
    // The other one has not begun.
    assert_eq!(attempts.0.borrow().len(), 1);
}

#[test]
fn its_end_drops_all() {
    let context = TestContext::new();
    let attempts = Attempts::default();
    {
        let executor = context.executor();
        let begin = |address| attempts.begin(address);
        let mut racing = pin!(race(&executor, [v4(1), v4(2)], begin));
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(racing.as_mut().poll(cx).is_pending());
        context.advance(PAUSE);
        assert!(racing.as_mut().poll(cx).is_pending());
        assert_eq!(attempts.under_way(), [1, 2]);
    }
    assert_eq!(attempts.under_way(), [0; 0]);
}

#[test]
fn families_in_turn() {
    for (list, order) in [
        ("", ""),
        ("a", "a"),
        ("ABC", "ABC"),
        ("ABCabc", "AaBbCc"),
        ("abcABC", "aAbBcC"),
        ("aAb", "aAb"),
        ("abA", "aAb"),
        ("aABCD", "aABCD"),
        ("ABCDa", "AaBCD"),
        ("AabBC", "AaBbC"),
    ] {
        let mut list: Vec<_> = list.chars().collect();
        interleave(&mut list, char::is_ascii_lowercase);
        assert_eq!(list.into_iter().collect::<String>(), order);
    }
}
