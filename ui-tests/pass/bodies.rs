//! What an author may write in a body: it stays a function of its own.

use async_op::{Completion, SystemExecutor, UseFuture, async_op};
use async_op::task::FrameBox;
use std::io;

#[async_op(executor = SystemExecutor)]
async fn async_early(n: u32) -> Result<u32, String> {
    if n == 0 {
        return Err("zero".into());
    }
    let parsed: u32 = "1".parse().map_err(|_| String::new())?;
    Ok(n + parsed)
}

#[async_op(executor = SystemExecutor)]
fn async_question(text: &str, op: Completion<fn(io::Result<u32>)>) {
    fn parse(text: &str) -> Option<u32> {
        text.parse().ok()
    }
    let Some(n) = parse(text) else {
        return op.complete(Err(io::ErrorKind::InvalidInput.into()));
    };
    op.complete(Ok(n));
}

/// An operation that starts itself.
#[async_op(executor = SystemExecutor)]
async fn async_factorial(n: u64) -> u64 {
    match n {
        0 => 1,
        n => n * FrameBox::new(async move { factorial(n - 1).await }).await,
    }
}

/// Unsafe code is the author's own.
#[async_op(executor = SystemExecutor)]
async fn async_first(bytes: Vec<u8>) -> u8 {
    assert!(!bytes.is_empty());
    // SAFETY: it is not empty.
    unsafe { *bytes.get_unchecked(0) }
}

/// Items, macros, labels and inner attributes.
#[async_op(executor = SystemExecutor)]
async fn async_items() -> usize {
    #![allow(unused_labels)]
    use std::mem::size_of;
    const N: usize = 2;
    static NAME: &str = "name";
    macro_rules! two {
        () => {
            N
        };
    }
    'outer: loop {
        break two!() + NAME.len() + size_of::<u8>();
    }
}

#[async_op(executor = SystemExecutor)]
async fn async_closures(numbers: Vec<u32>) -> u32 {
    let twice = async |n: u32| 2 * n;
    let mut sum = 0;
    for n in numbers {
        sum += twice(n).await;
    }
    sum
}

#[async_op(executor = SystemExecutor)]
async fn async_diverges(n: u32) -> u32 {
    if n > 0 { n } else { unreachable!() }
}

fn main() {
    assert_eq!(early(1).blocking(), Ok(2));
    assert!(early(0).blocking().is_err());
    assert_eq!(question("4").blocking().unwrap(), 4);
    assert!(question("four").blocking().is_err());
    assert_eq!(factorial(5).blocking(), 120);
    assert_eq!(first(vec![1]).blocking(), 1);
    assert_eq!(items().blocking(), 7);
    assert_eq!(closures(vec![1, 2]).blocking(), 6);
    assert_eq!(diverges(1).blocking(), 1);
    drop(async_early(1, UseFuture));
}
