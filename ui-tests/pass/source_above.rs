//! What the source above an operation looks like makes no difference to one that is
//! right.

#![deny(warnings)]
#![allow(dead_code)]

use async_op::{Completion, SystemExecutor, async_op};

const HELP: &str = "
impl Clone for Help {
";

const CHARS: [char; 3] = ['{', '"', '\''];

struct Guard<'a>(&'a str);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        // impl Clone for Guard {
        #[async_op(executor = SystemExecutor)]
        async fn async_dropped(n: u32) -> u32 {
            n
        }

        assert_eq!(dropped(1).blocking(), 1);
    }
}

mod inner {
    /* impl Clone for Inner {
    /* nested */ */
    use super::*;

    #[async_op]
    pub(crate) async fn async_inner(_executor: &SystemExecutor) -> u32 {
        2
    }

    pub(crate) mod deeper {
        use super::*;

    #[async_op]
      pub(crate) fn async_ragged(_executor: &SystemExecutor, op: Completion<fn(u32)>) { op.complete(3) }
    }
}

macro_rules! client {
    ($name:ident, $trait:ident) => {
        trait $trait {
            #[async_op]
            fn async_ask(&self, op: Completion<fn(u32)>);
        }

        impl $trait for $name {
            #[async_op(implements)]
            fn async_ask(&self, op: Completion<fn(u32)>) {
                op.complete(4);
            }
        }

        impl $name {
            #[async_op(associated)]
            async fn async_make(_executor: &SystemExecutor) -> u32 {
                5
            }
        }

        #[async_op]
        async fn async_made_by_macro(_executor: &SystemExecutor) -> u32 {
            6
        }
    };
}

struct Client;

client!(Client, Ask);

impl Client { #[async_op(executor = SystemExecutor)]
    async fn async_same_line(self) -> u32 { 7 }
}

fn main() {
    drop(Guard(HELP));
    let _ = CHARS;
    assert_eq!(inner::inner(&SystemExecutor).blocking(), 2);
    assert_eq!(inner::deeper::ragged(&SystemExecutor).blocking(), 3);
    assert_eq!(Client::make(&SystemExecutor).blocking(), 5);
    assert_eq!(made_by_macro(&SystemExecutor).blocking(), 6);
    assert_eq!(Client.same_line().blocking(), 7);
}
