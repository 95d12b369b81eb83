use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Optimised, this fails if the compiler may take an executor that is held in
/// place for one that does not change.
#[test]
fn an_executor_may_change_where_it_is_held() {
    struct Counts(AtomicUsize);

    impl Clone for Counts {
        fn clone(&self) -> Self {
            Self(AtomicUsize::new(self.0.load(Ordering::Relaxed)))
        }
    }

    impl PartialEq for Counts {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }

    impl Executor for Counts {
        fn post(&self, task: Task) {
            drop(task);
        }

        fn work_started(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn runs_here(&self) -> bool {
            self.0.load(Ordering::Relaxed) == 1
        }
    }

    let executor = AnyExecutor::new(Counts(AtomicUsize::new(0)));
    executor.work_started();
    assert!(executor.runs_here());
    // A clone has a count of its own.
    executor.clone().work_started();
    assert!(executor.runs_here());
}
