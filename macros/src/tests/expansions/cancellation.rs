impl Socket {
    /// Writes all of `data`.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<usize>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<usize>`
    /// - a closure: is called with it, `|result: io::Result<usize>| ..`
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<usize>)`.
    ///
    /// # Cancellation
    ///
    /// Honours terminal and partial requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_write_all<'op, Token>(
        self: Arc<Self>,
        data: Bytes,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<usize>)>,
    {
        ::async_op::expansion::async_initiate(
            self._async_write_all_operation(data),
            token,
        )
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_write_all_operation<'op>(
        self: Arc<Self>,
        data: Bytes,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<usize>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                    "async_write_all",
                    &[],
                    &[],
                )
                .with_cancellation(::async_op::expansion::CancellationType::PARTIAL);
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            self.executor_of()
        };
        ::async_op::expansion::from_future::<
            fn(io::Result<usize>),
            _,
            _,
        >(meta, executor, Self::async_write_all_body(self, data))
    }
    #[doc(hidden)]
    async fn async_write_all_body(self: Arc<Self>, data: Bytes) -> io::Result<usize> {
        self.write(data).await
    }
}
