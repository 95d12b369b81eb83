//! Errors that an operation can complete with.

#![deny(warnings)]

use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;

use async_op::{Completion, SystemExecutor, async_op};

type Boxed = Box<dyn Error + Send + Sync>;

/// With a box that anything turns into.
#[async_op]
pub async fn async_boxed(_executor: &SystemExecutor) -> Result<u32, Box<dyn Error + Send + Sync>> {
    Ok("1".parse()?)
}

/// With a box of one thread at a time.
#[async_op]
pub fn async_sent(
    _executor: &SystemExecutor,
    op: Completion<fn(Result<u32, Box<dyn Error + Send + 'static>>)>,
) {
    op.complete(Ok(2));
}

/// With an alias, and counted.
#[async_op]
pub async fn async_alias(_executor: &SystemExecutor) -> Result<u32, (Boxed, Arc<dyn Error + Send + Sync>)> {
    // What the body has in its hands is its own affair.
    let _ = Rc::new(1);
    let parsed: Result<u32, Box<dyn Error>> = "3".parse().map_err(Into::into);
    Ok(parsed.unwrap())
}

fn main() {
    assert_eq!(boxed(&SystemExecutor).blocking().unwrap(), 1);
    assert_eq!(sent(&SystemExecutor).blocking().unwrap(), 2);
    assert_eq!(alias(&SystemExecutor).blocking().unwrap(), 3);
}
