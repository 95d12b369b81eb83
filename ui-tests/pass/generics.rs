//! Type, const and lifetime parameters, `impl Trait` arguments, and a generic
//! `impl` with an invariant lifetime.

use async_op::{Completion, Initiation, SystemExecutor, async_op};
use std::cell::Cell;
use std::fmt::Display;
use std::marker::PhantomData;

#[async_op]
async fn async_join<T, const N: usize>(
    _executor: SystemExecutor,
    items: [T; N],
    separator: impl Display + Send,
    last: &(impl Display + Clone + Send + Sync),
) -> String
where
    T: Display + Send + Sync,
{
    let items = items.iter().map(|item| format!("{item}{separator}"));
    items.collect::<String>() + &last.to_string()
}

#[async_op]
fn async_default<T: Default + Send + 'static>(_executor: SystemExecutor, op: Completion<fn(T)>) {
    op.complete(T::default());
}

#[derive(Clone)]
struct Parser<'a, T> {
    text: &'a str,
    value: T,
    invariant: PhantomData<fn(Cell<&'a str>)>,
}

impl<'a, T: Clone + Send + Sync> Parser<'a, T> {
    #[async_op(executor = SystemExecutor)]
    async fn async_text(&self) -> String {
        self.text.to_owned()
    }

    #[async_op(executor = SystemExecutor)]
    fn async_length(&self, op: Completion<fn(usize)>) {
        op.complete(self.text.len());
    }

    #[async_op(executor = SystemExecutor)]
    async fn async_value(self) -> T {
        self.value
    }

    #[async_op]
    fn async_both(&self) -> impl Initiation<fn(String)> {
        self.text().map(|text| text.repeat(2))
    }
}

/// A generic named like ours, and a label like our lifetime.
#[async_op]
async fn async_echo<Token: Send>(_executor: SystemExecutor, token: Token) -> Token {
    'op: {
        break 'op;
    }
    token
}

/// A `Self` of an item in the body is none of the operation's.
#[async_op]
async fn async_inner(_executor: SystemExecutor) -> u32 {
    struct Inner(u32);
    impl Inner {
        fn new() -> Self {
            Self(7)
        }
    }
    Inner::new().0
}

fn main() {
    assert_eq!(inner(SystemExecutor).blocking(), 7);
    let joined = join(SystemExecutor, [1, 2], '+', &3).blocking();
    assert_eq!(joined, "1+2+3");
    assert_eq!(default::<u8>(SystemExecutor).blocking(), 0);
    assert_eq!(echo(SystemExecutor, 'x').blocking(), 'x');
    let text = String::from("text");
    let parser = Parser { text: &text, value: 1, invariant: PhantomData };
    assert_eq!(parser.text().blocking(), "text");
    assert_eq!(parser.both().blocking(), "texttext");
    let parser = Parser { text: "text", ..parser };
    assert_eq!(parser.length().blocking(), 4);
    assert_eq!(parser.value().blocking(), 1);
}
