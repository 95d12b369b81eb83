use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::*;

#[test]
fn tasks_run_in_order_across_append() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let task = |n: u32| {
        let log = Arc::clone(&log);
        Task::new(move || log.lock().unwrap().push(n))
    };
    let (mut first, mut second) = (TaskQueue::default(), TaskQueue::default());
    first.push(task(1));
    first.push(task(2));
    second.push(task(3));
    first.append(&mut second);
    assert!(second.is_empty());
    first.push(task(4));
    while let Some(task) = first.pop() {
        task.run();
    }
    assert_eq!(*log.lock().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn a_panic_in_the_drop_of_a_task_spares_the_others() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let alive = Arc::new(());
    let mut queue = TaskQueue::default();
    let panics = PanicsOnDrop;
    queue.push(Task::new(move || drop(panics)));
    let held = Arc::clone(&alive);
    queue.push(Task::new(move || drop(held)));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(queue)));
    assert!(dropped.is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn a_dropped_queue_drops_its_tasks_unrun() {
    let alive = Arc::new(());
    let mut queue = TaskQueue::default();
    for _ in 0..3 {
        let alive = Arc::clone(&alive);
        queue.push(Task::new(move || panic!("run: {alive:?}")));
    }
    drop(queue);
    assert_eq!(Arc::strong_count(&alive), 1);
}
