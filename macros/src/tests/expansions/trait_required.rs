trait Read {
    /// Reads.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<usize>)`. Copies `self`.
    ///
    /// ```ignore
    /// |result: io::Result<usize>| ..
    /// ```
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_read<'op, Token>(
        &self,
        buf: Vec<u8>,
        token: Token,
    ) -> <Token as ::async_op::__private::CompletionToken<
        'op,
        fn(io::Result<usize>),
    >>::Return<
        impl ::async_op::__private::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::__private::Captures<Self> + ::async_op::__private::OfTrait,
    >
    where
        Self: ::async_op::__private::core::marker::Sized
            + ::async_op::__private::IoObject + ::async_op::__private::core::clone::Clone
            + ::async_op::__private::core::marker::Send + 'op,
        Token: ::async_op::__private::CompletionToken<'op, fn(io::Result<usize>)>,
    {
        let meta = {
            const META: ::async_op::__private::Meta = ::async_op::__private::Meta::new(
                "async_read",
                &["self"],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::__private::ExecutorOf as _;
            (*self).executor_of()
        };
        let copy_of_self = ::async_op::__private::copy_of(self);
        let operation = ::async_op::__private::from_fn::<
            fn(io::Result<usize>),
            _,
            _,
        >(meta, executor, move |op| Self::async_read_body(&copy_of_self, buf, op));
        ::async_op::__private::async_initiate(
            ::async_op::__private::Declared(operation),
            token,
        )
    }
    /// Reads.
    ///
    /// The operation of [`async_read`](Self::async_read), not yet started.
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn read<'op>(
        &self,
        buf: Vec<u8>,
    ) -> ::async_op::__private::Operation<
        fn(io::Result<usize>),
        impl ::async_op::__private::Initiation<
            fn(io::Result<usize>),
        > + 'op + ::async_op::__private::Captures<Self>,
    >
    where
        Self: ::async_op::__private::core::marker::Sized
            + ::async_op::__private::IoObject + ::async_op::__private::core::clone::Clone
            + ::async_op::__private::core::marker::Send + 'op,
    {
        Self::async_read(self, buf, ::async_op::__private::Deferred)
    }
    #[doc(hidden)]
    fn async_read_body(&self, buf: Vec<u8>, op: Completion<fn(io::Result<usize>)>);
}
