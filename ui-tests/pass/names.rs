//! Names that are keywords, that clash, that are ours.

#![deny(warnings)]

use async_op::{Completion, SystemExecutor, async_op};

/// The plain name would be a keyword.
#[async_op(executor = SystemExecutor, default = transfer)]
async fn async_move(n: u32) -> u32 {
    n
}

/// The plain name is taken.
#[async_op(executor = SystemExecutor, default = count_later)]
async fn async_count() -> usize {
    count()
}

fn count() -> usize {
    3
}

/// Without the prefix there is no plain name.
#[async_op(executor = SystemExecutor, default = false)]
async fn delay(n: u32) -> u32 {
    n
}

#[async_op(executor = SystemExecutor, default = false)]
async fn async_only(n: u32) -> u32 {
    n
}

/// Parameters with the names that the expansion uses.
#[async_op(executor = SystemExecutor)]
fn async_ours(
    token: u8,
    operation: u8,
    meta: u8,
    executor: u8,
    copy_of_name: u8,
    name: &str,
    argument0: u8,
    _: u8,
    op: Completion<fn(usize)>,
) {
    let numbers = [token, operation, meta, executor, copy_of_name, argument0];
    op.complete(numbers.len() + name.len());
}

/// Generics and lifetimes with the names that the expansion uses.
#[async_op(executor = SystemExecutor)]
async fn async_generics<'op, 'op2, Token: Send, Token2: Send>(
    a: &'op str,
    b: &'op2 str,
    token: Token,
    token2: Token2,
) -> (usize, Token, Token2) {
    (a.len() + b.len(), token, token2)
}

/// The operation is called what its completion is.
#[async_op(executor = SystemExecutor)]
fn async_op_(op: Completion<fn(u32)>) {
    op.complete(5);
}

struct Socket;

impl Socket {
    /// The body has a sibling of the author's under the name it would have.
    #[async_op(executor = SystemExecutor)]
    async fn async_read(self) -> u32 {
        self.async_read_body2()
    }

    fn async_read_body2(&self) -> u32 {
        8
    }
}

fn main() {
    assert_eq!(transfer(1).blocking(), 1);
    assert_eq!(count_later().blocking(), 3);
    assert_eq!(delay(2, async_op::Blocking), 2);
    assert_eq!(async_only(2, async_op::Blocking), 2);
    assert_eq!(ours(0, 0, 0, 0, 0, "name", 0, 0).blocking(), 10);
    assert_eq!(generics("a", "b", 'c', "d").blocking(), (2, 'c', "d"));
    assert_eq!(op_().blocking(), 5);
    assert_eq!(Socket.read().blocking(), 8);
}
