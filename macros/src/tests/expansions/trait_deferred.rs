trait Read {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `Value`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `Value`
    /// - a closure: is called with it, `|value: Value| ..`
    ///
    /// [`get`](Self::get) leaves that open: `get(..).await` is the same as `async_get(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(Value)`.
    ///
    /// # Implementing
    ///
    /// A type writes the body alone, under `#[async_op(implements)]`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_get<'op, Token>(
        &self,
        key: &str,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(Value),
        > + 'op + ::async_op::expansion::OfTrait,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(Value)>,
    {
        ::async_op::expansion::async_initiate(
            ::async_op::expansion::of_trait(Self::async_get_body(self, key)),
            token,
        )
    }
    /// The operation of [`async_get`](Self::async_get), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    fn get<'op>(
        &self,
        key: &str,
    ) -> ::async_op::expansion::Operation<
        fn(Value),
        impl ::async_op::expansion::Initiation<fn(Value)> + 'op,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_get(self, key, ::async_op::expansion::Deferred)
    }
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[doc(hidden)]
    fn async_get_body<'op>(&self, key: &str) -> impl Initiation<fn(Value)> + 'op
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op;
}
