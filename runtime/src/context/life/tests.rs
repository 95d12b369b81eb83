use super::*;

#[test]
fn a_late_guard_does_not_count_against_the_next_generation() {
    let life = Life::new();
    assert_eq!(life.add(0, 1), Some(1));
    assert_eq!(life.add(0, -2), Some(-1));
    let next = life.next_generation();
    assert_eq!(life.add(0, 1), None);
    assert_eq!(life.count(), 0);
    assert_eq!(life.add(next, 1), Some(1));
}
