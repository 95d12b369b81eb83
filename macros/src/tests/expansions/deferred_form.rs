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
    /// [`get`](Self::get) leaves that open: `get(..).await` is the same as `async_get(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<Value>)`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
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
        Self: 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<Value>)>,
    {
        ::async_op::expansion::async_initiate(Self::async_get_body(self, key), token)
    }
    /// Gets the value of `key`.
    ///
    /// The operation of [`async_get`](Self::async_get), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    pub fn get<'op>(
        &self,
        key: &str,
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<Value>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<Value>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: 'op,
    {
        Self::async_get(self, key, ::async_op::expansion::Deferred)
    }
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[doc(hidden)]
    fn async_get_body<'op>(
        &self,
        key: &str,
    ) -> impl Initiation<
        fn(io::Result<Value>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: 'op,
    {
        self.command(Get(key.into()))
    }
}
