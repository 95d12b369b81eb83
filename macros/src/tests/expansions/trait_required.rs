trait Read {
    /// Reads.
    ///
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<usize>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<usize>`
    /// - a closure: is called with it, `|result: io::Result<usize>| ..`
    ///
    /// [`read`](Self::read) leaves that open: `read(..).await` is the same as `async_read(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<usize>)`. Copies `self`.
    ///
    /// # Implementing
    ///
    /// A type writes the body alone, under `#[async_op(implements)]`.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_read<'op, Token>(
        &self,
        buf: Vec<u8>,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::expansion::OfTrait,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized
            + ::async_op::expansion::IoObject + ::async_op::expansion::core::clone::Clone
            + ::async_op::expansion::core::marker::Send + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<usize>)>,
    {
        ::async_op::expansion::async_initiate(
            ::async_op::expansion::of_trait(Self::_async_read_operation(self, buf)),
            token,
        )
    }
    /// Reads.
    ///
    /// The operation of [`async_read`](Self::async_read), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    fn read<'op>(
        &self,
        buf: Vec<u8>,
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<usize>),
        impl ::async_op::expansion::Initiation<fn(io::Result<usize>)> + 'op,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized
            + ::async_op::expansion::IoObject + ::async_op::expansion::core::clone::Clone
            + ::async_op::expansion::core::marker::Send + 'op,
    {
        Self::async_read(self, buf, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_read_operation<'op>(
        &self,
        buf: Vec<u8>,
    ) -> impl ::async_op::expansion::Initiation<fn(io::Result<usize>)> + 'op
    where
        Self: ::async_op::expansion::core::marker::Sized
            + ::async_op::expansion::IoObject + ::async_op::expansion::core::clone::Clone
            + ::async_op::expansion::core::marker::Send + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_read",
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
            fn(io::Result<usize>),
            _,
            _,
        >(meta, executor, move |op| Self::async_read_body(&copy_of_self, buf, op))
    }
    #[doc(hidden)]
    fn async_read_body(&self, buf: Vec<u8>, op: Completion<fn(io::Result<usize>)>);
}
