impl Socket {
    /// Waits for `duration`.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<()>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<()>`
    /// - a closure: is called with it, `|result: io::Result<()>| ..`
    ///
    /// [`wait`](Self::wait) leaves that open: `wait(..).await` is the same as `async_wait(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<()>)`. Copies `self`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    pub fn async_wait<'op, Token>(
        &self,
        duration: Duration,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<()>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<()>)>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_wait_operation(self, duration),
            token,
        )
    }
    /// Waits for `duration`.
    ///
    /// The operation of [`async_wait`](Self::async_wait), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    pub fn wait<'op>(
        &self,
        duration: Duration,
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<()>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<()>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_wait(self, duration, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_wait_operation<'op>(
        &self,
        duration: Duration,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<()>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_wait",
                &["self"],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            (*self).executor_of()
        };
        let copy_of_self = ::async_op::expansion::copy_of(self);
        ::async_op::expansion::from_fn::<
            fn(io::Result<()>),
            _,
            _,
        >(meta, executor, move |op| Self::async_wait_body(&copy_of_self, duration, op))
    }
    #[doc(hidden)]
    fn async_wait_body(&self, duration: Duration, op: Completion<fn(io::Result<()>)>) {
        self.timers.add(duration, move || op.complete(Ok(())));
    }
}
