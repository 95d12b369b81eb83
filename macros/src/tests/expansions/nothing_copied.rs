impl Socket {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<()>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<()>`
    /// - a closure: is called with it, `|result: io::Result<()>| ..`
    ///
    /// [`shutdown`](Self::shutdown) leaves that open: `shutdown(..).await` is the same as `async_shutdown(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<()>)`.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_shutdown<'op, Token>(
        self,
        mode: Mode,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<()>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<()>)>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_shutdown_operation(self, mode),
            token,
        )
    }
    /// The operation of [`async_shutdown`](Self::async_shutdown), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    fn shutdown<'op>(
        self,
        mode: Mode,
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<()>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<()>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
    {
        Self::async_shutdown(self, mode, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_shutdown_operation<'op>(
        self,
        mode: Mode,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<()>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_shutdown",
                &[],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            self.executor_of()
        };
        ::async_op::expansion::from_future::<
            fn(io::Result<()>),
            _,
            _,
        >(meta, executor, Self::async_shutdown_body(self, mode))
    }
    #[doc(hidden)]
    async fn async_shutdown_body(mut self, mode: Mode) -> io::Result<()> {
        self.finish(mode).await
    }
}
