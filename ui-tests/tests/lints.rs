//! Operations are clean under the strictest lints, of rustc and, with `cargo
//! clippy --tests`, of Clippy.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, deprecated, rust_2018_idioms)]
#![deny(clippy::all, clippy::pedantic, rustdoc::all)]
#![deny(
    single_use_lifetimes,
    unused_lifetimes,
    unused_qualifications,
    unreachable_pub
)]
#![deny(
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    impl_trait_redundant_captures
)]
#![deny(
    let_underscore_drop,
    trivial_casts,
    unit_bindings,
    unused_results,
    variant_size_differences
)]

use async_op::{Completion, Initiation, IoObject, SystemExecutor, UseFuture, async_op};
use std::future::ready;
use std::sync::Arc;

/// An I/O object.
#[derive(Clone, Debug, Default)]
pub struct Socket {
    count: usize,
}

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

impl Socket {
    /// Handler form.
    #[async_op]
    pub fn async_write(&self, data: Vec<u8>, op: Completion<fn(usize)>) {
        op.complete(data.len() + self.count);
        drop(data);
    }

    /// Async form.
    #[async_op]
    pub async fn async_read(&self, name: &str, n: usize) -> usize {
        ready(n).await + name.len() + self.count
    }

    /// Async form that borrows.
    #[async_op]
    pub async fn async_fill<'a>(&mut self, buf: &'a mut [u8]) -> &'a [u8] {
        buf.fill(u8::try_from(self.count).unwrap_or(0));
        ready(buf).await
    }

    /// Deferred form.
    #[async_op]
    pub fn async_echo(&self, data: Vec<u8>) -> impl Initiation<fn(usize)> {
        self.write(data)
    }

    /// By `Arc`.
    #[async_op]
    pub async fn async_shared(self: Arc<Self>) -> usize {
        ready(self.count).await
    }

    /// Many parameters, unused and underscored ones among them.
    #[allow(clippy::too_many_arguments)]
    #[async_op]
    pub async fn async_many(
        mut self,
        _: u8,
        _second: u8,
        mut third: u8,
        fourth: u8,
        fifth: u8,
        sixth: u8,
        seventh: impl Fn(u8) -> u8 + Send,
    ) -> u8 {
        self.count += 1;
        third += 1;
        ready(seventh(third + fourth + fifth + sixth)).await
    }

    // Private, and only one of its doors is used.
    #[async_op]
    async fn async_private(&self) -> usize {
        ready(self.count).await
    }

    // Only the other door is used.
    #[async_op]
    async fn async_public(&self) -> usize {
        self.async_private(UseFuture).await
    }

    /// Replaced.
    #[deprecated = "use `read`"]
    #[must_use]
    #[async_op]
    pub async fn async_old(&self) -> usize {
        ready(self.count).await
    }

    /// What is expected is in the body alone.
    #[expect(clippy::unused_async)]
    #[async_op]
    pub async fn async_expect(&self) -> usize {
        self.count
    }
}

/// A trait.
pub trait Read: IoObject + Clone + Send + Sync {
    /// Handler form.
    #[async_op]
    fn async_receive(&self, len: usize, op: Completion<fn(usize)>);

    /// Async form.
    #[inline]
    #[async_op]
    async fn async_len(&self, name: &str) -> usize;

    /// Deferred form.
    #[async_op]
    fn async_get(&self, name: &str) -> impl Initiation<fn(usize)>;

    /// Provided.
    #[async_op(provided)]
    async fn async_len_twice(&self, mut name: String, _: u8, _: Vec<u8>) -> usize {
        name.push('!');
        2 * self.len(&name).await
    }

    /// Many parameters.
    #[allow(clippy::too_many_arguments)]
    #[async_op(provided)]
    fn async_sum(
        &self,
        first: u8,
        second: u8,
        third: u8,
        fourth: u8,
        fifth: u8,
        sixth: u8,
        op: Completion<fn(u8)>,
    ) {
        op.complete(first + second + third + fourth + fifth + sixth);
    }
}

impl Read for Socket {
    /// Handler form.
    #[async_op(implements)]
    fn async_receive(&self, len: usize, op: Completion<fn(usize)>) {
        op.complete(self.count + len);
    }

    #[async_op(implements)]
    async fn async_len(&self, name: &str) -> usize {
        ready(self.count + name.len()).await
    }

    #[async_op(implements)]
    fn async_get(&self, name: &str) -> impl Initiation<fn(usize)> {
        self.write(name.into())
    }
}

trait Private: Read {
    #[async_op]
    fn async_hidden(&self, op: Completion<fn()>);
}

impl Private for Socket {
    #[async_op(implements)]
    fn async_hidden(&self, op: Completion<fn()>) {
        op.complete();
    }
}

/// A free function.
///
/// # Completion
///
/// The author's own section.
#[async_op]
pub async fn async_connect(executor: &SystemExecutor, n: usize) -> Socket {
    let _: &SystemExecutor = executor;
    ready(Socket { count: n }).await
}

/// Generic.
#[async_op]
pub async fn async_choose<'a, T: Send + Sync, U, const N: usize>(
    executor: &SystemExecutor,
    all: &'a [T; N],
    other: U,
    choice: impl FnOnce(&T) -> bool + Send,
) -> Result<&'a T, U>
where
    U: Send + Sync,
{
    let _: &SystemExecutor = executor;
    ready(all.first().filter(|first| choice(first)).ok_or(other)).await
}

#[test]
fn compiles_without_warnings() {
    let socket = connect(&SystemExecutor, 1).blocking();
    assert_eq!(socket.public().blocking(), 1);
    assert_eq!(socket.echo(vec![1]).blocking(), 2);
    assert_eq!(socket.len_twice("abc".into(), 0, Vec::new()).blocking(), 10);
    assert_eq!(socket.get("abc").blocking(), 4);
    assert_eq!(socket.receive(1).blocking(), 2);
    socket.hidden().blocking();
}

#[test]
#[allow(deprecated)]
fn deprecated_is_on_both_doors() {
    assert_eq!(Socket::default().old().blocking(), 0);
}
