use super::*;

#[test]
fn windows_is_told_both_times() {
    let minute = Duration::from_secs(60);
    let (hours, second) = (minute * 120, Duration::from_secs(1));
    let all = Keepalive::after(hours)
        .with_interval(second)
        .with_retries(3);
    let said = Keepalive::new().with_retries(3);
    assert_eq!(said.for_windows(), all);
    assert_eq!(
        Keepalive::after(minute).for_windows().interval,
        all.interval
    );
    assert_eq!(said.with_interval(minute).for_windows().time, all.time);
    assert_eq!(
        all.with_interval(minute).for_windows(),
        all.with_interval(minute)
    );
}

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
