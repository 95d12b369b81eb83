//! What an operation completes with may be inferred from what a caller makes of it.

#![deny(warnings)]

use async_op::{Blocking, Completion, IoExecutor, SystemExecutor, async_op, spawn};
use async_op::executor::{ThreadPool, post_call};

/// Makes one.
#[async_op]
pub async fn async_make<T: Default + Send>(_executor: &SystemExecutor) -> T {
    T::default()
}

/// Makes one, the other way.
#[async_op]
pub fn async_made<T: Default + Send + 'static>(_executor: &SystemExecutor, op: Completion<fn(T)>) {
    op.complete(T::default());
}

/// Collects.
#[async_op]
pub async fn async_collect<C: FromIterator<u32> + Send>(
    _executor: &SystemExecutor,
    numbers: Vec<u32>,
) -> C {
    numbers.into_iter().collect()
}

fn main() {
    let made: u32 = async_make(&SystemExecutor, Blocking);
    let name: String = async_made(&SystemExecutor, Blocking);
    let all: Vec<u32> = async_collect(&SystemExecutor, vec![1], Blocking);
    assert_eq!((made, name.as_str(), all), (0, "", vec![1]));
    assert_eq!(async_make::<u8, _>(&SystemExecutor, Blocking), 0);
    assert_eq!(async_make::<u8, Blocking>(&SystemExecutor, Blocking), 0);
    let pool = ThreadPool::new(1).unwrap();
    let sum: u64 = post_call(&pool, || (1..=100).sum(), Blocking);
    let same: u64 = spawn(&SystemExecutor, async { (1..=100).sum() }, Blocking);
    assert_eq!(sum, same);
    let _: fn(&IoExecutor) = |_| {};
}
