use super::*;

fn list(waiters: &Waiters, direction: Direction) -> &[(WaiterKey, Option<Waker>)] {
    let rest = waiters.rest.as_ref().unwrap();
    match direction {
        Direction::Read => &rest.read.list,
        Direction::Write => &rest.write_later.list,
    }
}

#[test]
fn gaps_are_closed_and_the_order_stays() {
    for direction in Direction::BOTH {
        goes_on_after(0, direction);
    }
}

#[test]
fn keys_start_again() {
    for last in u32::MAX - 8..=u32::MAX {
        goes_on_after(last, Direction::Read);
    }
}

fn goes_on_after(last: u32, direction: Direction) {
    let (waker, mut waiters) = (Waker::noop(), Waiters::default());
    waiters.rest_or_new().unwrap().write.last = last;
    waiters.read.last = last;
    let mut keys: Vec<_> = (0..8)
        .map(|_| {
            let mut key = None;
            assert!(waiters.set(direction, &mut key, waker).unwrap().is_none());
            key.unwrap()
        })
        .collect();
    // The first, the last and some in between leave.
    for (index, len) in [(7, 7), (0, 7), (3, 7), (1, 7), (2, 3)] {
        let key = keys.remove(index);
        assert!(waiters.remove(direction, key).is_some());
        assert_eq!(list(&waiters, direction).len(), len);
        assert!(waiters.remove(direction, key).is_none());
    }
    let left: Vec<_> = list(&waiters, direction)
        .iter()
        .map(|(key, _)| *key)
        .collect();
    assert_eq!(left, keys);
    let mut wake = WakeList::default();
    assert!(waiters.remove(direction, keys[1]).is_some());
    waiters.take_all(direction, &mut wake, &mut LeafQueue::default());
    assert_eq!(wake.wake_all(), 2);
    assert!(list(&waiters, direction).is_empty());
    // Woken, they are to be added again.
    let mut key = Some(keys[0]);
    assert!(waiters.set(direction, &mut key, waker).unwrap().is_none());
    assert_ne!(key, Some(keys[0]));
}
