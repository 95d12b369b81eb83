use loom::thread;

use super::*;

/// A wake that comes before another one has the lower ticket; none is lost.
#[test]
fn loom_tickets_of_two_threads() {
    loom::model(|| {
        let tickets: SharedTickets<[AtomicUsize; 2]> =
            Shared::new(Tickets::new([0, 0].map(AtomicUsize::new)), "test");
        let other = tickets.clone();
        let thread = thread::spawn(move || other.take(1));
        let mut due = [(0, 0); 2];
        let mut seen = tickets.collect(false, &mut due);
        tickets.take(0);
        // What was not seen before is seen after it.
        thread.join().unwrap();
        seen += tickets.collect(false, &mut due);
        assert_eq!(seen, 2);
        assert_eq!(tickets.collect(false, &mut due), 0);
    });
}

/// Who is due with a ticket is so with all who had theirs before, in this order.
#[test]
fn loom_tickets_one_after_another() {
    loom::model(|| {
        let tickets: SharedTickets<[AtomicUsize; 2]> =
            Shared::new(Tickets::new([0, 0].map(AtomicUsize::new)), "test");
        let other = tickets.clone();
        let thread = thread::spawn(move || {
            other.take(0);
            other.take(1);
        });
        let mut due = [(0, 0); 2];
        let count = tickets.collect(false, &mut due);
        assert!(due[..count].iter().map(|due| due.1).eq(0..count));
        thread.join().unwrap();
    });
}

/// What is ready though its ticket has not been seen is not before another whose ticket
/// has not, either, and came first.
#[test]
fn loom_tickets_of_one_that_is_not_due() {
    loom::model(|| {
        let tickets: SharedTickets<[AtomicUsize; 2]> =
            Shared::new(Tickets::new([0, 0].map(AtomicUsize::new)), "test");
        let ready = Shared::<_>::new(AtomicUsize::new(0), "test");
        let (other, finished) = (tickets.clone(), ready.clone());
        let thread = thread::spawn(move || {
            other.take(1);
            finished.store(1, Ordering::Release);
            other.take(0);
        });
        let (mut due, seen) = ([(0, 0); 2], tickets.placed());
        assert_eq!(tickets.collect(true, &mut due), 2);
        let is_first = due[0] == (UNWOKEN, 0);
        if is_first && ready.load(Ordering::Acquire) == 1 {
            assert_ne!(tickets.placed(), seen);
            assert_eq!(tickets.take_first(tickets.last()), Some(1));
        }
        thread.join().unwrap();
    });
}

/// Woken by one thread after the other, members are in that order.
#[test]
fn loom_tickets_by_way_of_another_thread() {
    loom::model(|| {
        let tickets: SharedTickets<[AtomicUsize; 2]> =
            Shared::new(Tickets::new([0, 0].map(AtomicUsize::new)), "test");
        let other = tickets.clone();
        let flag = Shared::<_>::new(AtomicUsize::new(0), "test");
        let raised = flag.clone();
        let thread = thread::spawn(move || {
            other.take(1);
            raised.store(1, Ordering::Release);
        });
        let is_after = flag.load(Ordering::Acquire) == 1;
        tickets.take(0);
        thread.join().unwrap();
        let mut due = [(0, 0); 2];
        assert_eq!(tickets.collect(false, &mut due), 2);
        if is_after {
            assert_eq!([due[0].1, due[1].1], [1, 0]);
        }
    });
}
