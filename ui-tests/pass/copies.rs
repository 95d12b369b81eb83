//! What is copied: the operation outlives it, under every token.

use async_op::{Completion, SystemExecutor, async_op};
use std::sync::mpsc;

#[async_op]
async fn async_length(_executor: &SystemExecutor, text: &str, more: &[u8]) -> usize {
    text.len() + more.len()
}

#[async_op]
fn async_first(_executor: &SystemExecutor, text: &str, op: Completion<fn(Option<char>)>) {
    op.complete(text.chars().next());
}

fn main() {
    let (sender, receiver) = mpsc::channel();
    {
        let text = String::from("four");
        let lengths = sender.clone();
        length(&SystemExecutor, &text, &[1, 2]).callback(move |n| lengths.send(n).unwrap());
        async_first(&SystemExecutor, &text, move |first: Option<char>| {
            sender.send(first.unwrap() as usize).unwrap();
        });
    }
    let mut results = [receiver.recv().unwrap(), receiver.recv().unwrap()];
    results.sort();
    assert_eq!(results, [6, 'f' as usize]);
}
