impl Socket {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `()`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `()`
    /// - a closure: is called with it, `|| ..`
    ///
    /// [`by_ref_arc`](Self::by_ref_arc) leaves that open: `by_ref_arc(..).await` is the same as `async_by_ref_arc(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn()`. Copies `self`.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_by_ref_arc<'op, Token>(
        self: &Arc<Self>,
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
        ::async_op::expansion::async_initiate(self._async_by_ref_arc_operation(), token)
    }
    /// The operation of [`async_by_ref_arc`](Self::async_by_ref_arc), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    fn by_ref_arc<'op>(
        self: &Arc<Self>,
    ) -> ::async_op::expansion::Operation<
        fn(),
        impl ::async_op::expansion::Initiation<
            fn(),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        self.async_by_ref_arc(::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_by_ref_arc_operation<'op>(
        self: &Arc<Self>,
    ) -> impl ::async_op::expansion::Initiation<
        fn(),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_by_ref_arc",
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
        ::async_op::expansion::from_future::<
            fn(),
            _,
            _,
        >(
            meta,
            executor,
            async move { Self::async_by_ref_arc_body(&copy_of_self).await },
        )
    }
    #[doc(hidden)]
    async fn async_by_ref_arc_body(self: &Arc<Self>) {}
}
