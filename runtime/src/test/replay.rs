use std::env;
use std::ops::Range;

/// More steps than any test has that ends.
const MOST: usize = 100_000;
/// The step that alone is to be tried.
const STEP: &str = "ASYNC_OP_STEP";

/// Returns the number that a variable of the environment has.
pub(super) fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{variable} is no number: {text}"),
    }
}

/// Calls `test` with 0, 1 and so on, until it returns false, or with the one number that the
/// environment names; returns how often.
pub(super) fn each_step(mut test: impl FnMut(usize) -> bool) -> usize {
    let steps: Range<usize> = match number(STEP) {
        Some(step) => step as usize..step as usize + 1,
        None => 0..MOST,
    };
    let count = steps.len();
    for (times, step) in steps.enumerate() {
        if !test(step) {
            return times + 1;
        }
    }
    assert!(count == 1, "the test does not end in {MOST} steps");
    count
}

/// Says how to run one step alone.
pub(super) fn tell(what: &str, step: usize) {
    eprintln!("failed where {what} {step}; to run that alone: {STEP}={step}");
}
