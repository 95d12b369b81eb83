//! Defaults, const parameters and associated types of the surrounding `impl`.

use async_op::{Completion, Initiation, IoObject, SystemExecutor, async_op};
use std::fmt::Debug;

#[derive(Clone)]
struct Buffer<T = u8, const N: usize = 2>([T; N]);

impl<T, const N: usize> IoObject for Buffer<T, N> {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl<T: Clone + Send + Sync + 'static, const N: usize> Buffer<T, N> {
    const SIZE: usize = N;

    #[async_op]
    async fn async_all(&self) -> [T; N] {
        self.0.clone()
    }

    #[async_op]
    fn async_size(&self, other: [u8; N], op: Completion<fn(usize)>) {
        op.complete(Self::SIZE + other.len());
    }

    #[async_op]
    async fn async_chunk<const M: usize>(&self) -> Option<[T; M]> {
        self.0.first_chunk::<M>().cloned()
    }

    #[async_op]
    async fn async_equals<'a, U: ?Sized>(&self, other: &'a U) -> bool
    where
        U: Sync,
        [T; N]: PartialEq<U>,
    {
        self.0 == *other
    }
}

trait Source {
    type Item: Debug + Send;

    fn item(&self) -> Self::Item;
}

impl Source for u32 {
    type Item = String;

    fn item(&self) -> String {
        self.to_string()
    }
}

#[derive(Clone)]
struct Read<S>(S);

impl<S> Read<S>
where
    S: Source + Clone + Send + Sync + 'static,
    S::Item: 'static,
{
    #[async_op(executor = SystemExecutor)]
    async fn async_item(&self) -> S::Item {
        self.0.item()
    }

    #[async_op(executor = SystemExecutor)]
    fn async_debug(&self, op: Completion<fn(S::Item, String)>) {
        let item = self.0.item();
        let debug = format!("{item:?}");
        op.complete(item, debug);
    }

    #[async_op]
    fn async_only_debug(&self) -> impl Initiation<fn(String)> {
        self.debug().map(|(_, debug)| debug)
    }
}

fn main() {
    let buffer = Buffer([1_u8, 2]);
    let _: &Buffer = &buffer;
    assert_eq!(buffer.all().blocking(), [1, 2]);
    assert_eq!(buffer.size([0; 2]).blocking(), 4);
    assert_eq!(buffer.chunk::<1>().blocking(), Some([1]));
    assert!(buffer.equals(&[1_u8, 2]).blocking());
    assert_eq!(Read(7_u32).item().blocking(), "7");
    assert_eq!(Read(7_u32).only_debug().blocking(), "\"7\"");
}
