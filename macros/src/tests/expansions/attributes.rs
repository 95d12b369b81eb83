impl Socket {
    /// Sends.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `()`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `()`
    /// - a closure: is called with it, `|| ..`
    ///
    /// [`send`](Self::send) leaves that open: `send(..).await` is the same as `async_send(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// When sent.
    #[doc(alias = "write")]
    #[doc(cfg(unix))]
    #[deprecated = "use `send_all`"]
    #[must_use]
    #[track_caller]
    #[allow(clippy::unused_self)]
    #[allow(clippy::needless_pass_by_value)]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    pub fn async_send<'op, Token>(
        &self,
        data: Vec<u8>,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn()>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_send_operation(self, data),
            token,
        )
    }
    /// Sends.
    ///
    /// The operation of [`async_send`](Self::async_send), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[doc(cfg(unix))]
    #[deprecated = "use `send_all`"]
    #[allow(deprecated)]
    #[track_caller]
    #[allow(clippy::unused_self)]
    #[allow(clippy::needless_pass_by_value)]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    pub fn send<'op>(
        &self,
        data: Vec<u8>,
    ) -> ::async_op::expansion::Operation<
        fn(),
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_send(self, data, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[allow(deprecated)]
    #[track_caller]
    #[allow(clippy::unused_self)]
    #[allow(clippy::needless_pass_by_value)]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_send_operation<'op>(
        &self,
        data: Vec<u8>,
    ) -> impl ::async_op::expansion::Initiation<
        fn(),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_send",
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
            fn(),
            _,
            _,
        >(meta, executor, move |op| Self::async_send_body(&copy_of_self, data, op))
    }
    #[allow(clippy::unused_self)]
    #[expect(clippy::needless_pass_by_value)]
    #[instrument(skip(self))]
    #[doc(hidden)]
    fn async_send_body(&self, #[allow(unused)] data: Vec<u8>, op: Completion<fn()>) {}
}
