//! The author's scope has other things under the names of the prelude.

#![allow(dead_code, unused_macros)]

use async_op::{Completion, Initiation, SystemExecutor, async_op};

type Result<T> = std::result::Result<T, ()>;
struct Ok;
struct Err;
struct Option;
struct Box;
struct Sized;
struct String;
struct Token;
struct Operation;
struct Meta;
trait ToOwned {}
trait Send {}
trait Future {}
mod core {}
mod std_ {}
mod async_op_macros {}

macro_rules! vec {
    () => {
        compile_error!("not this one")
    };
}

#[derive(Clone)]
struct Socket;

impl Socket {
    #[async_op(executor = SystemExecutor)]
    async fn async_text(&self, text: &str) -> Result<usize> {
        Result::Ok(text.len())
    }

    #[async_op(executor = SystemExecutor)]
    fn async_handler(&self, op: Completion<fn(Result<usize>)>) {
        op.complete(Result::Ok(1));
    }

    #[async_op]
    fn async_deferred(&self) -> impl Initiation<fn(Result<usize>)> {
        self.handler()
    }
}

trait Named {
    #[async_op(executor = SystemExecutor)]
    async fn async_name(&self) -> usize;

    #[async_op(executor = SystemExecutor)]
    fn async_length(&self, op: Completion<fn(usize)>);
}

impl Named for Socket {
    #[async_op(implements)]
    async fn async_name(&self) -> usize {
        6
    }

    #[async_op(implements)]
    fn async_length(&self, op: Completion<fn(usize)>) {
        op.complete(6);
    }
}

fn main() {
    let n = Socket.deferred().blocking().unwrap();
    assert_eq!(n, 1);
    assert_eq!(Named::name(&Socket).blocking(), 6);
    assert_eq!(Named::length(&Socket).blocking(), 6);
}
