impl Socket {
    /// # Completion
    ///
    /// Completes with `fn()`. Copies `self`.
    ///
    /// ```ignore
    /// || ..
    /// ```
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    fn async_by_ref_arc<'op, Token: ::async_op::expansion::CompletionToken<'op, fn()>>(
        self: &Arc<Self>,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        ::async_op::expansion::async_initiate(self._async_by_ref_arc_operation(), token)
    }
    /// The operation of [`async_by_ref_arc`](Self::async_by_ref_arc), not yet started.
    #[track_caller]
    #[forbid(dead_code)]
    fn by_ref_arc<'op>(
        self: &Arc<Self>,
    ) -> ::async_op::expansion::Operation<
        fn(),
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        self.async_by_ref_arc(::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    fn _async_by_ref_arc_operation<'op>(
        self: &Arc<Self>,
    ) -> impl ::async_op::expansion::Initiation<
        fn(),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_by_ref_arc",
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
        ::async_op::expansion::from_future::<
            fn(),
            _,
            _,
        >(
            meta,
            executor,
            async move { Self::async_by_ref_arc_body(&copy_of_self).await },
        )
    }
    #[doc(hidden)]
    async fn async_by_ref_arc_body(self: &Arc<Self>) {}
}
