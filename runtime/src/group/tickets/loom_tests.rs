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

/// Who is due with a ticket is so with all who had theirs before, and have no later one, in
/// this order.
#[test]
fn loom_tickets_one_after_another() {
    for order in [&[0, 1][..], &[1, 2, 0], &[2, 1, 0], &[0, 1, 0]] {
        loom::model(move || {
            let tickets: SharedTickets<[AtomicUsize; 3]> =
                Shared::new(Tickets::new([0, 0, 0].map(AtomicUsize::new)), "test");
            let other = tickets.clone();
            let thread = thread::spawn(move || order.iter().for_each(|&n| other.take(n)));
            let mut due = [(0, 0); 3];
            let count = tickets.collect(false, &mut due);
            let due = &due[..count];
            assert!(due.is_sorted());
            let seen = due.last().map_or(NONE, |due| due.0);
            for (before, &index) in order[..seen].iter().enumerate() {
                let place = due.iter().find(|due| due.1 == index);
                let comes_later = order[seen..].contains(&index);
                assert!(
                    comes_later || place.is_some_and(|due| due.0 > before),
                    "{order:?} {due:?}"
                );
            }
            thread.join().unwrap();
        });
    }
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
            let last = tickets.last_before(due[0], seen).unwrap();
            assert_eq!(tickets.take_first(last), Some(1));
        }
        thread.join().unwrap();
    });
}

/// Nor is it after another that came later, though its own ticket has not been seen.
#[test]
fn loom_tickets_of_another_that_came_later() {
    loom::model(|| {
        let tickets: SharedTickets<[AtomicUsize; 2]> =
            Shared::new(Tickets::new([0, 0].map(AtomicUsize::new)), "test");
        let ready = Shared::<_>::new(AtomicUsize::new(0), "test");
        let (other, finished) = (tickets.clone(), ready.clone());
        let thread = thread::spawn(move || {
            finished.store(1, Ordering::Release);
            other.take(0);
            other.take(1);
        });
        let (mut due, seen) = ([(0, 0); 2], tickets.placed());
        assert_eq!(tickets.collect(true, &mut due), 2);
        if due[0] == (UNWOKEN, 0) && ready.load(Ordering::Acquire) == 1 {
            if let Some(last) = tickets.last_before(due[0], seen) {
                while let Some(index) = tickets.take_first(last) {
                    assert_ne!(index, 1);
                }
            }
        }
        thread.join().unwrap();
    });
}

/// Who comes before another is taken out with the ticket that says so, not with a later
/// one.
#[test]
fn loom_tickets_of_one_that_gets_a_later_one() {
    loom::model(|| {
        let tickets: SharedTickets<[AtomicUsize; 2]> =
            Shared::new(Tickets::new([0, 0].map(AtomicUsize::new)), "test");
        tickets.take(1);
        let other = tickets.clone();
        let thread = thread::spawn(move || {
            other.take(0);
            other.take(1);
        });
        tickets.take_first(1);
        thread.join().unwrap();
        let mut due = [(0, 0); 2];
        assert_eq!(tickets.collect(false, &mut due), 2);
        assert_eq!(due, [(2, 0), (3, 1)]);
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
