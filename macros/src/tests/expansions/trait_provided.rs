trait Read {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<usize>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<usize>`
    /// - a closure: is called with it, `|result: io::Result<usize>| ..`, if `buf` is borrowed for `'static`
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<usize>)`. Copies `self`; borrows `buf` until then.
    ///
    /// # Cancellation
    ///
    /// Honours terminal requests: the operations that it awaits are asked to stop.
    ///
    /// # Implementing
    ///
    /// A type may write another body, under `#[async_op(implements)]`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_read_all<'a: 'op, 'op, Token>(
        &self,
        buf: &'a mut [u8],
        argument2: u8,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::Captures<
            &'a (),
        > + ::async_op::expansion::OfTrait,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized
            + ::async_op::expansion::IoObject + ::async_op::expansion::core::clone::Clone
            + ::async_op::expansion::core::marker::Send
            + ::async_op::expansion::core::marker::Sync + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<usize>)>,
    {
        ::async_op::expansion::async_initiate(
            ::async_op::expansion::of_trait(
                Self::_async_read_all_operation(self, buf, argument2),
            ),
            token,
        )
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_read_all_operation<'a: 'op, 'op>(
        &self,
        buf: &'a mut [u8],
        argument2: u8,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<usize>),
    > + 'op + ::async_op::expansion::Captures<&'a ()>
    where
        Self: ::async_op::expansion::core::marker::Sized
            + ::async_op::expansion::IoObject + ::async_op::expansion::core::clone::Clone
            + ::async_op::expansion::core::marker::Send
            + ::async_op::expansion::core::marker::Sync + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_read_all",
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
            async move { Self::async_read_all_body(&copy_of_self, buf, argument2).await },
        )
    }
    #[doc(hidden)]
    fn async_read_all_body<'a: 'a>(
        &self,
        buf: &'a mut [u8],
        _: u8,
    ) -> impl ::async_op::expansion::core::future::Future<
        Output = io::Result<usize>,
    > + ::async_op::expansion::core::marker::Send
    where
        Self: ::async_op::expansion::core::marker::Sync,
    {
        async move {
            let _ = (&self, &buf);
            { self.async_read_body(buf).await }
        }
    }
}
