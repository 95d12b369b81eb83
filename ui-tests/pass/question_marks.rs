//! A `?` in the handler form, where it has somewhere to return to.

#![deny(warnings)]

use std::num::ParseIntError;

use async_op::{Completion, SystemExecutor, async_op};

/// Parses.
#[async_op]
pub fn async_parse(
    _executor: &SystemExecutor,
    n: String,
    op: Completion<fn(Result<u32, ParseIntError>)>,
) {
    fn parse(n: &str) -> Result<u32, ParseIntError> {
        Ok(n.parse::<u32>()? + 1)
    }

    let again = |n: &str| -> Result<u32, ParseIntError> { Ok(parse(n)? + n.parse::<u32>()?) };
    let all = n.split(' ').map(|n| Some(again(n).ok()? | 1)).collect::<Option<Vec<_>>>();
    let boxed: Box<dyn Fn() -> Option<usize>> = Box::new(move || Some(all.as_ref()?.len()));
    let _ = async move { boxed().ok_or(())?.checked_add(1).ok_or(()) };
    op.complete(again(&n));
}

fn main() {
    assert_eq!(parse(&SystemExecutor, "1".to_owned()).blocking(), Ok(3));
}
