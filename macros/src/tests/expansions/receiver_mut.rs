impl Socket {
    /// # Completion
    ///
    /// Completes with `fn(io::Result<&'op [u8]>)`. Borrows `self` until then.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests.
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_fill<'op, Token>(
        &'op mut self,
        token: Token,
    ) -> <Token as ::async_op::__private::CompletionToken<
        'op,
        fn(io::Result<&'op [u8]>),
    >>::Return<
        impl ::async_op::__private::Initiation<
            fn(io::Result<&'op [u8]>),
        > + 'op + ::async_op::__private::Captures<Self>,
    >
    where
        Self: 'op,
        Token: ::async_op::__private::CompletionToken<'op, fn(io::Result<&'op [u8]>)>,
    {
        let meta = {
            const META: ::async_op::__private::Meta = ::async_op::__private::Meta::new(
                "async_fill",
                &[],
                &["self"],
            );
            &META
        };
        let executor = {
            use ::async_op::__private::ExecutorOf as _;
            (*self).executor_of()
        };
        let operation = ::async_op::__private::from_future::<
            fn(io::Result<&'op [u8]>),
            _,
            _,
        >(meta, executor, Self::async_fill_body(self));
        ::async_op::__private::async_initiate(operation, token)
    }
    /// The operation of [`async_fill`](Self::async_fill), not yet started.
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn fill<'op>(
        &'op mut self,
    ) -> ::async_op::__private::Operation<
        fn(io::Result<&'op [u8]>),
        impl ::async_op::__private::Initiation<
            fn(io::Result<&'op [u8]>),
        > + 'op + ::async_op::__private::Captures<Self>,
    >
    where
        Self: 'op,
    {
        Self::async_fill(self, ::async_op::__private::Deferred)
    }
    #[doc(hidden)]
    async fn async_fill_body(&mut self) -> io::Result<&[u8]> {
        self.fill().await
    }
}
