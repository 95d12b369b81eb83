//! Orders that a seed decides.

use std::collections::BTreeSet;
use std::sync::mpsc;

use async_op::Executor;
use async_op::executor::Strand;
use async_op::task::Task;
use async_op::test::{TestContext, explore};
use async_op_tests::panic_of;

/// The order in which some tasks run, posted from elsewhere and by each other.
fn order(context: &TestContext) -> Vec<usize> {
    let (sender, receiver) = mpsc::channel();
    let executor = context.executor();
    for n in 0..3 {
        let sender = sender.clone();
        executor.post(Task::new(move || {
            sender.send(n).unwrap();
            let sender = sender.clone();
            executor.post(Task::new(move || sender.send(n + 3).unwrap()));
        }));
    }
    assert_eq!(context.run(), 6);
    receiver.try_iter().collect()
}

#[test]
fn without_a_seed_tasks_run_as_they_are_posted() {
    for _ in 0..10 {
        assert_eq!(order(&TestContext::new()), [0, 1, 2, 3, 4, 5]);
    }
}

#[test]
fn all_orders_that_may_be_come_and_each_again_with_its_seed() {
    let mut orders = BTreeSet::new();
    explore(0..2000, |context| {
        orders.insert(order(context));
    });
    // 6! orders of 6, in 1 of 8 of which each of the first comes before what it posts.
    assert_eq!(orders.len(), 720 / 8);
    for order in orders {
        for n in 0..3 {
            let place = |n| order.iter().position(|&other| other == n);
            assert!(place(n) < place(n + 3));
        }
    }
    for seed in [0, 1, u64::MAX] {
        let again = order(&TestContext::seeded(seed));
        assert_eq!(order(&TestContext::seeded(seed)), again);
    }
}

#[test]
fn one_by_one_likewise() {
    let mut orders = BTreeSet::new();
    explore(0..200, |context| {
        let (sender, receiver) = mpsc::channel();
        for n in 0..3 {
            let sender = sender.clone();
            context.post(Task::new(move || sender.send(n).unwrap()));
        }
        while context.run_one() {}
        orders.insert(receiver.try_iter().collect::<Vec<_>>());
    });
    assert_eq!(orders.len(), 6);
}

#[test]
fn strands_keep_their_order() {
    let mut firsts = BTreeSet::new();
    explore(0..100, |context| {
        let (sender, receiver) = mpsc::channel();
        let strands = [
            Strand::new(context.executor()),
            Strand::new(context.executor()),
        ];
        for n in 0..10 {
            for (which, strand) in strands.iter().enumerate() {
                let sender = sender.clone();
                strand.post(Task::new(move || sender.send((which, n)).unwrap()));
            }
        }
        context.run();
        let all: Vec<_> = receiver.try_iter().collect();
        firsts.insert(all[0]);
        for strand in 0..2 {
            let of_one = all.iter().filter(|it| it.0 == strand).map(|it| it.1);
            assert!(of_one.eq(0..10));
        }
    });
    assert_eq!(firsts.len(), 2);
}

#[test]
fn the_first_seed_that_fails_is_the_last() {
    let mut seeds = 0;
    let message = panic_of(|| {
        explore(0..100, |context| {
            seeds += 1;
            let order = order(context);
            assert!(order[0] != 2, "two comes first");
        });
    });
    assert_eq!(message, "two comes first");
    assert!((1..100).contains(&seeds));
}
