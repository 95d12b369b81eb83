impl Socket {
    /// Waits for `duration`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(io::Result<()>)`. Copies `self`.
    ///
    /// ```ignore
    /// |result: io::Result<()>| ..
    /// ```
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    pub fn async_wait<'op, Token>(
        &self,
        duration: Duration,
        token: Token,
    ) -> <Token as ::async_op::expansion::CompletionToken<
        'op,
        fn(io::Result<()>),
    >>::Return<
        impl ::async_op::expansion::Initiation<
            fn(io::Result<()>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
        Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<()>)>,
    {
        ::async_op::expansion::async_initiate(
            Self::async_wait_operation(self, duration),
            token,
        )
    }
    /// Waits for `duration`.
    ///
    /// The operation of [`async_wait`](Self::async_wait), not yet started.
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    pub fn wait<'op>(
        &self,
        duration: Duration,
    ) -> ::async_op::expansion::Operation<
        fn(io::Result<()>),
        impl ::async_op::expansion::Initiation<
            fn(io::Result<()>),
        > + 'op + ::async_op::expansion::Captures<Self>,
    >
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        Self::async_wait(self, duration, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_wait_operation<'op>(
        &self,
        duration: Duration,
    ) -> impl ::async_op::expansion::Initiation<
        fn(io::Result<()>),
    > + 'op + ::async_op::expansion::Captures<Self>
    where
        Self: ::async_op::expansion::core::marker::Sized + 'op,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_wait",
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
        let operation = ::async_op::expansion::from_fn::<
            fn(io::Result<()>),
            _,
            _,
        >(meta, executor, move |op| Self::async_wait_body(&copy_of_self, duration, op));
        operation
    }
    #[doc(hidden)]
    fn async_wait_body(&self, duration: Duration, op: Completion<fn(io::Result<()>)>) {
        self.timers.add(duration, move || op.complete(Ok(())));
    }
}
