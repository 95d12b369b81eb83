use super::*;

#[test]
fn no_wake_is_lost_as_the_numbers_begin_anew() {
    let tickets = Tickets::new([0, 0].map(AtomicUsize::new));
    tickets.last.store(usize::MAX - 1, Ordering::Relaxed);
    let mut due = [(0, 0); 2];
    for index in [0, 1, 0, 1] {
        tickets.take(index);
        assert_eq!(tickets.collect(false, &mut due), 1);
        assert_eq!(due[0].1, index);
    }
}
