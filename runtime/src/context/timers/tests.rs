use std::time::Duration;

use super::*;

/// Miri takes a thousand times as long, and gets less to do.
fn rounds(most: u64) -> std::ops::Range<u64> {
    0..if cfg!(miri) { most / 20 } else { most }
}

/// A generator that needs no dependency and no seed from outside.
fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Whatever is inserted and removed, they come in order. `random` makes deadlines of
/// the number of the insertion, in milliseconds; the count starts again after
/// `before_renumbering`.
fn come_in_order(before_renumbering: u32, mut random: impl FnMut(u64, u64) -> u64) {
    let mut timers = Timers {
        order: u32::MAX - before_renumbering,
        ..Timers::default()
    };
    let start = Instant::now();
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut model: Vec<(Instant, u64, TimerKey)> = Vec::new();
    let mut batch = VecDeque::new();
    for n in rounds(5_000) {
        match xorshift(&mut state) % 12 {
            0..7 => {
                let ms = random(n, xorshift(&mut state));
                let deadline = start + Duration::from_millis(ms);
                let (key, earliest) = timers.insert(deadline, n);
                assert_eq!(earliest, model.iter().all(|&(other, ..)| other > deadline));
                model.push((deadline, n, key));
            }
            7..11 if !model.is_empty() => {
                let index = (xorshift(&mut state) % model.len() as u64) as usize;
                let (_, n, key) = model.swap_remove(index);
                assert_eq!(timers.remove(key), Some(n));
                assert_eq!(timers.remove(key), None);
            }
            _ => {
                model.sort_by_key(|&(deadline, n, _)| (deadline, n));
                let some = (xorshift(&mut state) % 4) as usize;
                timers.take(some, &mut batch);
                assert_eq!(batch.len(), some.min(model.len()));
                for (expired, (deadline, n, key)) in
                    batch.drain(..).zip(model.drain(..some.min(model.len())))
                {
                    assert_eq!(
                        expired,
                        Expired {
                            key,
                            deadline,
                            owner: n
                        }
                    );
                    assert_eq!(timers.remove(key), None);
                }
            }
        }
        let earliest = model.iter().map(|&(deadline, ..)| deadline).min();
        assert_eq!(timers.earliest(), earliest);
        assert!((model.len()..=2 * model.len()).contains(&timers.len()));
    }
    model.sort_by_key(|&(deadline, n, _)| (deadline, n));
    assert!(!model.is_empty());
    for (deadline, n, key) in model {
        timers.take_due(deadline - Duration::from_nanos(1), 1, &mut batch);
        assert!(batch.is_empty());
        timers.take_due(deadline, 1, &mut batch);
        assert_eq!(
            batch.pop_front(),
            Some(Expired {
                key,
                deadline,
                owner: n
            })
        );
    }
    assert!(timers.len() == 0 && timers.earliest().is_none());
}

#[test]
fn in_order_whatever_is_inserted_and_removed() {
    // In no order, with many that are equal; in order; of some durations.
    come_in_order(u32::MAX, |_, random| random % 500);
    come_in_order(u32::MAX, |n, _| n / 10);
    come_in_order(u32::MAX, |n, random| {
        n + [10, 300, 2000, 2001][random as usize % 4]
    });
}

#[test]
fn in_order_when_the_count_starts_again() {
    come_in_order(1_000, |_, random| random % 50);
    come_in_order(2_000, |n, _| n / 10);
}

#[test]
fn leftovers_are_never_more_than_half() {
    let start = Instant::now();
    let mut random = 0x9e37_79b9_7f4a_7c15;
    let mut timers = Timers::default();
    let mut add = |timers: &mut Timers<()>| {
        let deadline = start + Duration::from_secs(xorshift(&mut random) % 100_000);
        timers.insert(deadline, ()).0
    };
    let mut keys: Vec<_> = (0..1000).map(|_| add(&mut timers)).collect();
    for n in rounds(100_000) {
        let key = std::mem::replace(&mut keys[n as usize % 1000], add(&mut timers));
        assert!(timers.remove(key).is_some());
        assert!(timers.len() <= 2000 && timers.len() == 1000 + timers.slots.left);
    }
    assert!(timers.slots.places.len() <= 2001);
    for key in keys {
        assert!(timers.remove(key).is_some());
    }
    assert!(timers.len() == 0 && timers.earliest().is_none());
}
