//! What the macro makes of `handler_form.rs`. A test keeps it so; it is here for
//! reading.

#![allow(clippy::all, reason = "lints leave alone what macros write")]

use async_op::expansion::{
    async_initiate, copy_of, from_fn, Captures, CompletionToken, Deferred, ExecutorOf, Initiation,
    Meta, Operation,
};
use async_op::{Blocking, Completion, IoObject, SystemExecutor};

use std::thread;

/// Looks up names on a thread of its own.
#[derive(Clone)]
struct Resolver {
    executor: SystemExecutor,
}

impl IoObject for Resolver {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        self.executor
    }
}

impl Resolver {
    /// Looks up the length of `name`.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `usize`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `usize`
    /// - a closure: is called with it, `|value: usize| ..`
    ///
    /// [`resolve`](Self::resolve) leaves that open: `resolve(..).await` is the same as `async_resolve(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(usize)`. Copies `self`, `name`.
    #[track_caller]
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "a token is added, and copies are passed on"
    )]
    fn async_resolve<'op, Token>(
        &self,
        name: &str,
        token: Token,
    ) -> Token::Return<impl Initiation<fn(usize)> + 'op + Captures<Self>>
    where
        Self: Sized + 'op,
        Token: CompletionToken<'op, fn(usize)>,
    {
        async_initiate(Self::_async_resolve_operation(self, name), token)
    }

    /// Looks up the length of `name`.
    ///
    /// The operation of [`async_resolve`](Self::async_resolve), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[forbid(dead_code)]
    fn resolve<'op>(
        &self,
        name: &str,
    ) -> Operation<fn(usize), impl Initiation<fn(usize)> + 'op + Captures<Self>>
    where
        Self: Sized + 'op,
    {
        Self::async_resolve(self, name, Deferred)
    }

    #[doc(hidden)]
    #[track_caller]
    fn _async_resolve_operation<'op>(
        &self,
        name: &str,
    ) -> impl Initiation<fn(usize)> + 'op + Captures<Self>
    where
        Self: Sized + 'op,
    {
        let meta = {
            const META: Meta = Meta::new("async_resolve", &["self", "name"], &[]);
            &META
        };
        let executor = {
            use ExecutorOf as _;
            (*self).executor_of()
        };
        let copy_of_self = copy_of(self);
        let copy_of_name = copy_of(name);
        from_fn::<fn(usize), _, _>(meta, executor, move |op| {
            Self::async_resolve_body(&copy_of_self, &copy_of_name, op)
        })
    }

    #[doc(hidden)]
    fn async_resolve_body(&self, name: &str, op: Completion<fn(usize)>) {
        let name = name.to_owned();
        thread::spawn(move || op.complete(name.len()));
    }
}

fn main() {
    let resolver = Resolver {
        executor: SystemExecutor,
    };
    assert_eq!(resolver.async_resolve("localhost", Blocking), 9);
    resolver
        .resolve("example")
        .callback(|length| assert_eq!(length, 7));
}
