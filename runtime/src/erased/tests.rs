use std::sync::Arc;

use super::*;

#[test]
fn whatever_is_held_is_dropped_once() {
    #[derive(Clone)]
    #[repr(align(64))]
    struct Aligned(#[expect(dead_code, reason = "held for its drop")] Arc<()>);

    fn check<T: Clone + 'static>(make: impl FnOnce(Arc<()>) -> T) {
        let count = Arc::new(());
        let erased = Erased::new(make(Arc::clone(&count)));
        let clone = erased.clone();
        assert!(clone.downcast::<T>().is_some() && clone.downcast::<u8>().is_none());
        assert_eq!(Arc::strong_count(&count), 3);
        drop(erased);
        assert_eq!(Arc::strong_count(&count), 2);
        drop(clone);
        assert_eq!(Arc::strong_count(&count), 1);
    }

    check(|count| count);
    check(|count| (count, 1_usize));
    check(|count| (count, [0_usize; 2]));
    check(Aligned);
}
