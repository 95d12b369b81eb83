use super::*;

#[test]
fn in_turn_whatever_is_removed() {
    let (waker, mut wake) = (Waker::noop(), WakeList::default());
    let mut queue = Queue::default();
    let mut keys: Vec<_> = (0..6).map(|n| queue.push(n, waker.clone())).collect();
    // The first, the last and one in between leave.
    for (index, n) in [(5, 5), (2, 2), (0, 0)] {
        let (entry, waker) = queue.remove(keys.remove(index));
        assert_eq!((entry, waker.is_some()), (n, true));
    }
    keys.push(queue.push(6, waker.clone()));
    for n in [1, 3, 4, 6] {
        assert_eq!(queue.first(), Some(&n));
        assert_eq!(queue.pop(&mut wake), Some(&mut n.clone()));
    }
    assert!(queue.pop(&mut wake).is_none() && queue.first().is_none());
    for (key, n) in keys.into_iter().zip([1, 3, 4, 6]) {
        assert!(!queue.is_waiting(&key) && queue.renew(&key, waker).is_none());
        assert_eq!(queue.remove(key).0, n);
    }
    // The places are used again, each once.
    for n in 0..6 {
        let _key = queue.push(n, waker.clone());
    }
    assert_eq!((queue.places.others.len(), queue.free), (5, None));
    assert!((0..6).all(|n| queue.pop(&mut wake) == Some(&mut n.clone())));
}
