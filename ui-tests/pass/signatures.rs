//! Completion signatures of several arguments, alternatives, and aliases.

use async_op::{Completion, SystemExecutor, async_op};
use async_op::adapter::OneOf2;

type Pair = fn(u32, char);

#[async_op(completes = fn(u32, char))]
async fn async_pair(_executor: SystemExecutor) -> (u32, char) {
    (1, 'x')
}

#[async_op(completes = Pair)]
async fn async_alias(_executor: SystemExecutor) -> (u32, char) {
    (2, 'y')
}

#[async_op]
fn async_named(_executor: SystemExecutor, op: Completion<fn(count: u32, letter: char)>) {
    op.complete(3, 'z');
}

#[async_op(completes = (fn(u32), fn(u32, char)))]
async fn async_either(_executor: SystemExecutor) -> OneOf2<u32, (u32, char)> {
    OneOf2::Second((4, 'a'))
}

#[async_op]
async fn async_nothing(_executor: SystemExecutor) -> () {}

fn main() {
    assert_eq!(pair(SystemExecutor).blocking(), (1, 'x'));
    assert_eq!(alias(SystemExecutor).blocking(), (2, 'y'));
    assert_eq!(named(SystemExecutor).blocking(), (3, 'z'));
    assert_eq!(either(SystemExecutor).blocking(), OneOf2::Second((4, 'a')));
    nothing(SystemExecutor).blocking();
    async_pair(SystemExecutor, |_: u32, _: char| {});
}
