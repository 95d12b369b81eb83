impl Socket {
    /// Gets the value of `key`.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<Value>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<Value>`
    /// - a closure: is called with it, `|result: io::Result<Value>| ..`
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<Value>)`. Copies `self`, `key`.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "a token is added, and copies are passed on"
    )]
    pub fn async_get<'op, Token>(
        &self,
        key: &str,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<Value>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<Value>)>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_get_operation(self, key),
            token,
        )
    }
    /// Gets the value of `key`.
    ///
    /// As [`async_get`](Self::async_get), with `T`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    pub fn get<'op>(
        &self,
        key: &str,
    ) -> <T as ::async_op::expansion::CompletionToken<
        'op,
        fn(io::Result<Value>),
    >>::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<Value>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        T: ::async_op::expansion::CompletionToken<'op, fn(io::Result<Value>)>
            + ::async_op::expansion::core::default::Default,
    {
        Self::async_get(
            self,
            key,
            <T as ::async_op::expansion::core::default::Default>::default(),
        )
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_get_operation<'op>(
        &self,
        key: &str,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<Value>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_get",
                &["self", "key"],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            (*self).executor_of()
        };
        let copy_of_self = ::async_op::expansion::copy_of(self);
        let copy_of_key = ::async_op::expansion::copy_of(key);
        ::async_op::expansion::from_future::<
            fn(io::Result<Value>),
            _,
            _,
        >(
            meta,
            executor,
            async move { Self::async_get_body(&copy_of_self, &copy_of_key).await },
        )
    }
    #[doc(hidden)]
    async fn async_get_body(&self, key: &str) -> io::Result<Value> {
        self.command(Get(key)).await
    }
}
