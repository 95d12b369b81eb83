//! One operation of each form, in each place, with each kind of parameter. Nothing is wrong
//! with them, and no lint says so.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, rust_2018_idioms, single_use_lifetimes)]
#![deny(future_incompatible, rust_2021_compatibility, rust_2024_compatibility)]
#![deny(clippy::all, clippy::pedantic)]
// Which it says of these with good reason.
#![allow(clippy::unused_async)]

use async_op::{Completion, Initiation, IoExecutor, IoObject, async_op};
use async_op::time::Timer;
use std::borrow::Cow;
use std::sync::Arc;

/// An object.
#[derive(Clone, Debug)]
pub struct Socket {
    timer: Timer,
}

impl IoObject for Socket {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.timer.executor()
    }
}

/// Functions of one expression.
#[async_op]
pub async fn async_unit(_socket: &Socket) {}

/// Of a literal.
#[async_op]
pub async fn async_literal(_socket: &Socket) -> bool { false }

/// Of a block.
#[async_op]
pub fn async_block(_socket: &Socket, op: Completion<fn(bool)>) { op.complete(true) }

/// Of a call.
#[async_op]
pub fn async_call(socket: &Socket) -> impl Initiation<fn(bool)> { literal(socket) }

/// Of a named lifetime.
#[async_op]
pub async fn async_borrow<'a>(_socket: &Socket, name: &'a str) -> usize { name.len() }

/// And its result.
#[async_op]
pub async fn async_first<'a>(_socket: Socket, name: &'a str) -> &'a str { name }

/// And without an object.
#[async_op(executor = Timer::new(&async_op::SystemExecutor).executor())]
pub async fn async_alone<'a>(name: &'a str) -> &'a str { name }

/// Of every kind of parameter.
#[async_op]
pub async fn async_parameters<'a, 'b, T: Clone + Send + Sync + 'b, const N: usize>(
    _socket: &Socket,
    name: &str,
    bytes: &[u8],
    path: Cow<'a, str>,
    maybe: Option<&'b T>,
    array: [u8; N],
    function: impl Fn(usize) -> usize + Send,
) -> usize {
    let n = name.len() + bytes.len() + path.len() + array.len();
    function(n + usize::from(maybe.is_some()))
}

macro_rules! operation {
    ($name:ident $function:ident $argument:ident $lifetime:lifetime) => {
        /// Of a macro.
        #[async_op]
        pub async fn $function<$lifetime, 'b>(
            _socket: &Socket,
            $argument: &$lifetime str,
            local: &'b str,
        ) -> usize {
            $argument.len() + local.len()
        }

        /// A trait of a macro.
        pub trait $name: IoObject + Clone + Send + Sync {
            /// Provided.
            #[async_op(provided)]
            async fn $function<$lifetime, 'b>(
                &self,
                $argument: &$lifetime str,
                local: &'b str,
                _unused: u8,
            ) -> usize {
                $argument.len() + local.len()
            }
        }
    };
}

operation!(Macros async_of_macro argument 'a);

/// Of as many as Clippy allows.
#[async_op]
pub fn async_seven(
    _socket: &Socket,
    one: u8,
    two: u8,
    three: u8,
    four: u8,
    five: &'static str,
    op: Completion<fn(usize)>,
) {
    op.complete(usize::from(one + two + three + four) + five.len());
}

impl Socket {
    /// Handler form.
    #[async_op]
    pub fn async_write(&self, mut data: Vec<u8>, op: Completion<fn(usize)>) {
        data.push(0);
        self.timer.wait().callback(move |_| op.complete(data.len()));
    }

    /// Async form.
    #[async_op]
    pub async fn async_read<'a>(&mut self, buf: &'a mut [u8]) -> &'a [u8] { buf }

    /// That borrows `self`.
    #[async_op]
    pub async fn async_peek<'a>(&'a self) -> &'a Timer { &self.timer }

    /// That borrows `self` alone.
    #[async_op]
    pub async fn async_executor<'a>(&'a self) -> IoExecutor { self.timer.executor() }

    /// That borrows both.
    #[async_op]
    pub async fn async_fill(&mut self, buf: &mut [u8]) -> usize { buf.len() }

    /// That takes it.
    #[async_op]
    pub async fn async_take(self) -> Timer { self.timer }

    /// That shares it.
    #[async_op]
    pub async fn async_share(self: Arc<Self>) -> Timer { self.timer.clone() }

    /// Deferred form.
    #[async_op]
    pub fn async_echo(&self, data: &[u8]) -> impl Initiation<fn(usize)> { self.write(data.to_vec()) }

    /// Associated.
    #[async_op]
    pub async fn async_open(executor: &IoExecutor) -> Self { Self { timer: Timer::new(executor) } }
}

/// A trait.
pub trait Stream: IoObject + Clone + Send + Sync {
    /// Required, handler form.
    #[async_op]
    fn async_send(&self, data: Vec<u8>, op: Completion<fn(usize)>);

    /// Required, async form.
    #[async_op]
    async fn async_receive<'a>(&mut self, buf: &'a mut [u8]) -> &'a [u8];

    /// Required, deferred form.
    #[async_op]
    fn async_get(&self, name: &str) -> impl Initiation<fn(usize)>;

    /// Provided, async form.
    #[async_op(provided)]
    async fn async_is_open(&self) -> bool { false }

    /// With parameters.
    #[async_op(provided)]
    async fn async_sum<'a>(&self, name: &'a str, mut n: usize, _: u8, _unused: u8) -> usize {
        n += 1;
        name.len() + n
    }

    /// Provided, handler form.
    #[async_op(provided)]
    fn async_close(&self, op: Completion<fn()>) { op.complete() }

    /// Provided, deferred form.
    #[async_op(provided)]
    fn async_shut(&self) -> impl Initiation<fn()> { self.close() }
}

impl Stream for Socket {
    #[async_op(implements)]
    fn async_send(&self, data: Vec<u8>, op: Completion<fn(usize)>) {
        self.write(data).callback(|n| op.complete(n));
    }

    #[async_op(implements)]
    async fn async_receive<'a>(&mut self, buf: &'a mut [u8]) -> &'a [u8] { buf }

    #[async_op(implements)]
    fn async_get(&self, name: &str) -> impl Initiation<fn(usize)> { self.write(name.into()) }
}

/// Private ones, of which one function is used.
mod private {
    #[async_op::async_op]
    pub async fn async_one(_socket: &super::Socket, n: usize) -> usize { n }

    #[async_op::async_op]
    async fn async_two(socket: &super::Socket) -> usize { one(socket, 2).await }

    impl super::Socket {
        #[async_op::async_op]
        pub(crate) async fn async_three(&self) -> usize { async_two(self, async_op::UseFuture).await }
    }
}

/// Uses them.
#[async_op]
pub async fn async_three(socket: &Socket) -> usize { socket.three().await }
