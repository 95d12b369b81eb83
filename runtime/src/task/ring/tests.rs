use std::sync::{Arc, Mutex};

use super::*;

fn task(log: &Arc<Mutex<Vec<usize>>>, n: usize) -> Task {
    let log = Arc::clone(log);
    Task::new(move || log.lock().unwrap().push(n))
}

#[test]
fn in_order_and_no_more_than_there_is_room_for() {
    let (log, ring) = (Arc::default(), Ring::new());
    for round in 0..5 {
        let first = round * CAPACITY;
        for n in 0..CAPACITY {
            // SAFETY: on this thread alone, here and below.
            let len = unsafe { ring.push(task(&log, first + n)) };
            assert_eq!(len.unwrap(), n + 1);
        }
        // SAFETY: as above.
        drop(unsafe { ring.push(task(&log, 0)) }.unwrap_err());
        let mut taken = TaskQueue::default();
        ring.take(|len| len / 2, &mut taken);
        assert_eq!(ring.len(), CAPACITY - MOVED);
        taken.pop().unwrap().run();
        while let Some(task) = taken.pop().or_else(|| ring.pop()) {
            task.run();
        }
        assert_eq!(ring.len(), 0);
    }
    let log = log.lock().unwrap();
    assert!(log.iter().copied().eq(0..5 * CAPACITY));
}

#[test]
fn what_is_left_is_dropped() {
    let (alive, ring) = (Arc::new(()), Ring::new());
    for _ in 0..3 {
        let alive = Arc::clone(&alive);
        // SAFETY: on this thread alone.
        let pushed = unsafe { ring.push(Task::new(move || panic!("run: {alive:?}"))) };
        pushed.unwrap();
    }
    drop(ring);
    assert_eq!(Arc::strong_count(&alive), 1);
}
