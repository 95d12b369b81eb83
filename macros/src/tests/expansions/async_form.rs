impl Socket {
    /// Reads until `buf` is full.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<usize>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<usize>`
    /// - a closure: is called with it, `|result: io::Result<usize>| ..`, if `buf` is borrowed for `'static`
    ///
    /// [`read_exact`](Self::read_exact) leaves that open: `read_exact(..).await` is the same as `async_read_exact(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<usize>)`. Copies `self`; borrows `buf` until then.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    pub fn async_read_exact<'a: 'op, 'op, Token>(
        &self,
        buf: &'a mut [u8],
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<usize>)>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_read_exact_operation(self, buf),
            token,
        )
    }
    /// Reads until `buf` is full.
    ///
    /// The operation of [`async_read_exact`](Self::async_read_exact), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    pub fn read_exact<'a: 'op, 'op>(
        &self,
        buf: &'a mut [u8],
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<usize>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_read_exact(self, buf, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_read_exact_operation<'a: 'op, 'op>(
        &self,
        buf: &'a mut [u8],
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<usize>),
    > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>
    where
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
