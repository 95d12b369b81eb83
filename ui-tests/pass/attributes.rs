//! The attributes of functions go where they belong.

#![deny(warnings)]

use async_op::{Completion, SystemExecutor, async_op};
use std::panic::Location;

#[async_op(executor = SystemExecutor)]
#[must_use = "the answer"]
#[inline]
async fn async_answer(n: u32) -> u32 {
    n
}

#[inline(always)]
#[async_op(executor = SystemExecutor)]
fn async_inline(op: Completion<fn()>) {
    op.complete();
}

#[cold]
#[inline(never)]
#[async_op(executor = SystemExecutor)]
async fn async_cold() {}

#[deprecated(since = "1.0.0", note = "use `answer`")]
#[async_op(executor = SystemExecutor)]
async fn async_old() {}

#[async_op(executor = SystemExecutor)]
#[cfg_attr(all(), allow(unused_variables))]
#[cfg(all())]
async fn async_configured(n: u32) {}

#[cfg(any())]
#[async_op(executor = SystemExecutor)]
async fn async_missing(_: Missing) {}

#[expect(unused_variables, reason = "to show that it is not unfulfilled")]
#[async_op(executor = SystemExecutor)]
async fn async_expected(n: u32) {
    let unused = 1;
}

#[allow(dead_code)]
#[async_op(executor = SystemExecutor)]
async fn async_dead() {}

#[async_op(executor = SystemExecutor, default = false)]
#[track_caller]
fn async_tracked(op: Completion<fn(u32)>) {
    op.complete(Location::caller().line());
}

#[doc(alias = "documented")]
#[doc = concat!("Docs made ", "by a macro.")]
#[rustfmt::skip]
#[async_op(executor = SystemExecutor)]
async fn async_documented() {}

fn main() {
    assert_eq!(answer(1).blocking(), 1);
    inline().blocking();
    cold().blocking();
    #[allow(deprecated)]
    old().blocking();
    configured(1).blocking();
    expected(1).blocking();
    documented().blocking();
    let _ = async_tracked(async_op::Blocking);
}
