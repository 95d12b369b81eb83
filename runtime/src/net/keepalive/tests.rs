use super::*;

#[test]
fn parts_of_a_second_are_rounded_up() {
    for (duration, seconds) in [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(999), 1),
        (Duration::from_secs(1), 1),
        (Duration::from_millis(1001), 2),
        (Duration::MAX, u64::MAX),
    ] {
        assert_eq!(in_seconds(duration), Duration::from_secs(seconds));
    }
}
