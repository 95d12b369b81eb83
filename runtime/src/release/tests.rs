use std::cell::Cell;

use super::*;

struct Counts<'a>(&'a Cell<u32>, Box<u32>);

impl Release for Counts<'_> {
    fn release(&mut self) {
        self.0.set(self.0.get() + *self.1);
    }
}

#[test]
fn lets_go_once_unless_it_is_taken_apart() {
    let count = Cell::new(0);
    let mut dropped = Releasing::new(Counts(&count, Box::new(1)));
    *dropped.1 = 2;
    drop(dropped);
    assert_eq!(count.get(), 2);
    let kept = Releasing::new(Counts(&count, Box::new(5))).into_inner();
    assert_eq!((count.get(), *kept.1), (2, 5));
}
