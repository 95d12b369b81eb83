trait Read {
    /// # Completion
    ///
    /// Completes with `fn(Value)`.
    ///
    /// ```ignore
    /// |value: Value| ..
    /// ```
    ///
    /// # Implementing
    ///
    /// A type writes the body alone, under `#[async_op(implements)]`.
    #[track_caller]
    fn async_get<'op, Token: ::async_op::expansion::CompletionToken<'op, fn(Value)>>(
        &self,
        key: &str,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(Value),
        > + 'op + ::async_op::expansion::Captures<Self> + ::async_op::expansion::OfTrait,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        ::async_op::expansion::async_initiate(
            ::async_op::expansion::Declared(Self::async_get_body(self, key)),
            token,
        )
    }
    /// The operation of [`async_get`](Self::async_get), not yet started.
    #[track_caller]
    #[forbid(dead_code)]
    fn get<'op>(
        &self,
        key: &str,
    ) -> ::async_op::expansion::Operation<
        fn(Value),
        impl ::async_op::expansion::Initiation<
            fn(Value),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_get(self, key, ::async_op::expansion::Deferred)
    }
    #[track_caller]
    #[doc(hidden)]
    fn async_get_body<'op>(
        &self,
        key: &str,
    ) -> impl Initiation<fn(Value)> + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op;
}
