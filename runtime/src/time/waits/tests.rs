use super::*;

#[test]
fn in_turn_whatever_place_they_have() {
    let (waker, outcome) = (Waker::noop(), Ended::Expired);
    let mut waits = Waits::default();
    let push = |waits: &mut Waits| waits.push(waker.clone());
    let is = |waits: &Waits, keys: &[&Key]| {
        let waiting: Vec<_> = keys.iter().map(|key| waits.is_waiting(key)).collect();
        assert_eq!(waits.are_over(), !waiting.contains(&true));
        waiting
    };
    let (a, b, c) = (push(&mut waits), push(&mut waits), push(&mut waits));
    assert!(matches!((&a, &b), (Key::First, Key::Later(_))));
    assert_eq!(is(&waits, &[&a, &b, &c]), [true; 3]);
    // The first place is free, but others wait: whoever comes is after them.
    let (ended, left) = waits.remove(a);
    assert!(ended.is_none() && left.is_some());
    let d = push(&mut waits);
    assert!(matches!(d, Key::Later(_)));
    for waiting in [[false, true, true], [false, false, true], [false; 3]] {
        assert!(waits.end_first(outcome).is_some());
        assert_eq!(is(&waits, &[&b, &c, &d]), waiting);
    }
    assert!(waits.end_first(outcome).is_none());
    // Nobody waits any more, though not all have gone.
    let e = push(&mut waits);
    assert!(matches!(e, Key::First));
    assert!(waits.end_first(Ended::Cancelled).is_some());
    // The place is free only when its owner has gone.
    let f = push(&mut waits);
    assert!(matches!(f, Key::Later(_)) && waits.renew(&e, waker).is_none());
    assert_eq!(waits.remove(e).0, Some(Ended::Cancelled));
    for key in [b, c, d] {
        assert_eq!(waits.remove(key).0, Some(outcome));
    }
    assert_eq!(is(&waits, &[&f]), [true]);
    assert!(waits.remove(f).1.is_some() && waits.are_over());
}
