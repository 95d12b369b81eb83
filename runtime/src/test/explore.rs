use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::TestContext;
use super::replay::number;

/// The seed that alone is to be tried.
const VARIABLE: &str = "ASYNC_OP_SEED";

/// Runs `test` once for each seed, with a context of it: in as many orders as there are
/// seeds.
///
/// The number of a seed that fails is printed. With it in the environment variable
/// `ASYNC_OP_SEED` that one alone is run.
///
/// ```
/// use async_op::Executor;
/// use async_op::executor::Strand;
/// use async_op::task::Task;
/// use async_op::test::explore;
/// use std::sync::mpsc;
///
/// explore(0..100, |context| {
///     let strand = Strand::new(context.executor());
///     let (sender, receiver) = mpsc::channel();
///     for n in 0..8 {
///         let sender = sender.clone();
///         strand.post(Task::new(move || sender.send(n).unwrap()));
///     }
///     context.run();
///     assert!(receiver.try_iter().eq(0..8)); // in each schedule
/// });
/// ```
///
/// # Panics
///
/// If `test` does, or its [context](TestContext) when that is dropped; and if the
/// environment variable is no number.
pub fn explore(seeds: impl IntoIterator<Item = u64>, mut test: impl FnMut(&TestContext)) {
    match number(VARIABLE) {
        Some(seed) => run(seed, &mut test),
        None => seeds.into_iter().for_each(|seed| run(seed, &mut test)),
    }
}

fn run(seed: u64, test: &mut impl FnMut(&TestContext)) {
    let result = catch_unwind(AssertUnwindSafe(|| test(&TestContext::seeded(seed))));
    if let Err(panic) = result {
        eprintln!("failed with seed {seed}; to run that alone: {VARIABLE}={seed}");
        resume_unwind(panic);
    }
}
