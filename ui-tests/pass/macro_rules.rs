//! An operation made by a `macro_rules!` macro: its fragments arrive in
//! invisible groups.

use async_op::{Completion, SystemExecutor, async_op};

macro_rules! operation {
    ($vis:vis $name:ident($argument:ident: $ty:ty) -> $output:ty $body:block) => {
        #[async_op(executor = SystemExecutor)]
        $vis async fn $name($argument: $ty) -> $output $body
    };
    ($name:ident($argument:ident: $ty:ty), $completion:ty, $op:ident => $body:expr) => {
        #[async_op(executor = SystemExecutor)]
        fn $name($argument: $ty, $op: $completion) {
            $body
        }
    };
}

operation!(pub async_length(text: &str) -> usize { text.len() });
operation!(async_answer(n: u32), Completion<fn(u32)>, op => op.complete(n));

fn main() {
    assert_eq!(length("four").blocking(), 4);
    assert_eq!(answer(42).blocking(), 42);
}
