impl Socket {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `Token`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `Token`
    /// - a closure: is called with it, `|value: Token| ..`
    ///
    /// [`parse`](Self::parse) leaves that open: `parse(..).await` is the same as `async_parse(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(Token)`. Copies `self`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_parse<'op2, Token: Lex + 'op2, Token2>(
        &self,
        token: Token,
        token2: Token2,
    ) -> Token2::Return<
        impl ::async_op::expansion::Initiation<
            fn(Token),
        > + 'op2 + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op2,
        Token2: ::async_op::expansion::CompletionToken<'op2, fn(Token)>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_parse_operation::<Token>(self, token),
            token2,
        )
    }
    /// The operation of [`async_parse`](Self::async_parse), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    fn parse<'op2, Token: Lex + 'op2>(
        &self,
        token: Token,
    ) -> ::async_op::expansion::Operation<
        fn(Token),
        impl ::async_op::expansion::Initiation<
            fn(Token),
        > + 'op2 + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op2,
    {
        Self::async_parse::<Token, _>(self, token, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_parse_operation<'op2, Token: Lex + 'op2>(
        &self,
        token: Token,
    ) -> impl ::async_op::expansion::Initiation<
        fn(Token),
    > + 'op2 + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op2,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_parse",
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
            fn(Token),
            _,
            _,
        >(
            meta,
            executor,
            move |op| Self::async_parse_body::<Token>(&copy_of_self, token, op),
        )
    }
    #[doc(hidden)]
    fn async_parse_body<Token: Lex>(&self, token: Token, op: Completion<fn(Token)>) {
        'op: loop {
            break 'op;
        }
    }
}
