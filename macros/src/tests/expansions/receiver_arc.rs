impl Socket {
    /// # Completion
    ///
    /// Completes with `fn()`.
    ///
    /// ```ignore
    /// || ..
    /// ```
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_by_arc<'op, Token>(
        self: Arc<Self>,
        token: Token,
    ) -> <Token as ::async_op::expansion::CompletionToken<
        'op,
        fn(),
    >>::Return<
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn()>,
    {
        ::async_op::expansion::async_initiate(self.async_by_arc_operation(), token)
    }
    /// The operation of [`async_by_arc`](Self::async_by_arc), not yet started.
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn by_arc<'op>(
        self: Arc<Self>,
    ) -> ::async_op::expansion::Operation<
        fn(),
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
    {
        self.async_by_arc(::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_by_arc_operation<'op>(
        self: Arc<Self>,
    ) -> impl ::async_op::expansion::Initiation<
        fn(),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_by_arc",
                &[],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            self.executor_of()
        };
        let operation = ::async_op::expansion::from_future::<
            fn(),
            _,
            _,
        >(meta, executor, Self::async_by_arc_body(self));
        operation
    }
    #[doc(hidden)]
    async fn async_by_arc_body(self: Arc<Self>) {}
}
