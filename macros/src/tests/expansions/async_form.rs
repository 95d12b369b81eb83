impl Socket {
    /// Reads until `buf` is full.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<usize>)`. Copies `self`; borrows `buf` until then.
    ///
    /// ```ignore
    /// |result: io::Result<usize>| ..
    /// ```
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests.
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    pub fn async_read_exact<'a, 'op, Token>(
        &self,
        buf: &'a mut [u8],
        token: Token,
    ) -> <Token as ::async_op::__private::CompletionToken<
        'op,
        fn(io::Result<usize>),
    >>::Return<
        impl ::async_op::__private::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::__private::Captures<(&'a (), Self)>,
    >
    where
        'a: 'op,
        Self: 'op,
        Token: ::async_op::__private::CompletionToken<'op, fn(io::Result<usize>)>,
    {
        let meta = {
            const META: ::async_op::__private::Meta = ::async_op::__private::Meta::new(
                "async_read_exact",
                &["self"],
                &["buf"],
            );
            &META
        };
        let executor = {
            use ::async_op::__private::ExecutorOf as _;
            (*self).executor_of()
        };
        let copy_of_self = ::async_op::__private::copy_of(self);
        let operation = ::async_op::__private::from_future::<
            fn(io::Result<usize>),
            _,
            _,
        >(
            meta,
            executor,
            async move { Self::async_read_exact_body(&copy_of_self, buf).await },
        );
        ::async_op::__private::async_initiate(operation, token)
    }
    /// Reads until `buf` is full.
    ///
    /// The operation of [`async_read_exact`](Self::async_read_exact), not yet started.
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    pub fn read_exact<'a, 'op>(
        &self,
        buf: &'a mut [u8],
    ) -> ::async_op::__private::Operation<
        fn(io::Result<usize>),
        impl ::async_op::__private::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::__private::Captures<(&'a (), Self)>,
    >
    where
        'a: 'op,
        Self: 'op,
    {
        Self::async_read_exact(self, buf, ::async_op::__private::Deferred)
    }
    #[doc(hidden)]
    async fn async_read_exact_body<'a>(&self, buf: &'a mut [u8]) -> io::Result<usize> {
        self.read(buf).await
    }
}
