use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

#[test]
fn nests_and_unwinds() {
    let (a, b) = (OperationId::new(), OperationId::new());
    assert_ne!(a, b);
    within(a, || {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            within(b, || {
                assert!(is_within(a) && is_within(b));
                panic!("on purpose");
            })
        }));
        assert!(is_within(a) && !is_within(b));
    });
    assert!(!is_within(a));
}
