impl Socket {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<&'op [u8]>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<&'op [u8]>`
    ///
    /// [`fill`](Self::fill) leaves that open: `fill(..).await` is the same as `async_fill(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<&'op [u8]>)`. Borrows `self` until then.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_fill<'op, Token>(
        &'op mut self,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<&'op [u8]>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<&'op [u8]>)>,
    {
        ::async_op::expansion::async_initiate(Self::_async_fill_operation(self), token)
    }
    /// The operation of [`async_fill`](Self::async_fill), not yet started: `.await` it, wait for it with `.blocking()`, or pass a token to it, `.with(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    fn fill<'op>(
        &'op mut self,
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<&'op [u8]>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<&'op [u8]>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
    {
        Self::async_fill(self, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_fill_operation<'op>(
        &'op mut self,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<&'op [u8]>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_fill",
                &[],
                &["self"],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            (*self).executor_of()
        };
        ::async_op::expansion::from_future::<
            fn(io::Result<&'op [u8]>),
            _,
            _,
        >(meta, executor, Self::async_fill_body(self))
    }
    #[doc(hidden)]
    async fn async_fill_body(&mut self) -> io::Result<&[u8]> {
        self.fill().await
    }
}
