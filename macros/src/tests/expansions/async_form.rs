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
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    pub fn async_read_exact<
        'a,
        'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<usize>)>,
    >(
        &self,
        buf: &'a mut [u8],
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>,
    >
    where
        'a: 'op,
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_read_exact_operation(self, buf),
            token,
        )
    }
    /// Reads until `buf` is full.
    ///
    /// The operation of [`async_read_exact`](Self::async_read_exact), not yet started.
    #[track_caller]
    #[forbid(dead_code)]
    pub fn read_exact<'a, 'op>(
        &self,
        buf: &'a mut [u8],
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<usize>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>,
    >
    where
        'a: 'op,
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_read_exact(self, buf, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    fn _async_read_exact_operation<'a, 'op>(
        &self,
        buf: &'a mut [u8],
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<usize>),
    > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>
    where
        'a: 'op,
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_read_exact",
                &["self"],
                &["buf"],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            (*self).executor_of()
        };
        let copy_of_self = ::async_op::expansion::copy_of(self);
        ::async_op::expansion::from_future::<
            fn(io::Result<usize>),
            _,
            _,
        >(
            meta,
            executor,
            async move { Self::async_read_exact_body(&copy_of_self, buf).await },
        )
    }
    #[doc(hidden)]
    async fn async_read_exact_body<'a: 'a>(
        &self,
        buf: &'a mut [u8],
    ) -> io::Result<usize> {
        self.read(buf).await
    }
}
