impl Socket {
    /// # How to call it
    ///
    /// The last argument says how the result arrives:
    ///
    /// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `Vec<Self>`, which you `.await`
    /// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `Vec<Self>`
    /// - a closure: is called with it, `|value: Vec<Self>| ..`, if `rest` is borrowed for `'static`
    ///
    /// [`mapped`](Self::mapped) leaves that open: `mapped(..).await` is the same as `async_map(.., UseFuture).await`.
    ///
    /// # Completion
    ///
    /// Completes with `fn(Vec<Self>)`. Copies `pool`; borrows `rest` until then.
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
    pub fn async_map<'a: 'op, 'op, T: Clone + 'op, const N: usize, Token>(
        pool: &Pool,
        items: [T; N],
        rest: &'a [T],
        f: impl Fn(&T) -> T + Send + 'op,
        label: Label<'op>,
        argument5: u8,
        token: Token,
    ) -> Token::Return<
        impl ::async_op::expansion::Initiation<
            fn(Vec<Self>),
        > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>,
    >
    where
        Self: 'op,
        T: Send + Sync,
        Token: ::async_op::expansion::CompletionToken<'op, fn(Vec<Self>)>,
    {
        ::async_op::expansion::async_initiate(
            Self::_async_map_operation::<T, N>(pool, items, rest, f, label, argument5),
            token,
        )
    }
    /// The operation of [`async_map`](Self::async_map), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[forbid(dead_code)]
    pub fn mapped<'a: 'op, 'op, T: Clone + 'op, const N: usize>(
        pool: &Pool,
        items: [T; N],
        rest: &'a [T],
        f: impl Fn(&T) -> T + Send + 'op,
        label: Label<'op>,
        argument5: u8,
    ) -> ::async_op::expansion::Operation<
        fn(Vec<Self>),
        impl ::async_op::expansion::Initiation<
            fn(Vec<Self>),
        > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>,
    >
    where
        Self: 'op,
        T: Send + Sync,
    {
        Self::async_map::<
            T,
            N,
            _,
        >(pool, items, rest, f, label, argument5, ::async_op::expansion::Deferred)
    }
    #[doc(hidden)]
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn _async_map_operation<'a: 'op, 'op, T: Clone + 'op, const N: usize>(
        pool: &Pool,
        items: [T; N],
        rest: &'a [T],
        f: impl Fn(&T) -> T + Send + 'op,
        label: Label<'op>,
        argument5: u8,
    ) -> impl ::async_op::expansion::Initiation<
        fn(Vec<Self>),
    > + 'op + ::async_op::expansion::Captures<(&'a (), Self)>
    where
        Self: 'op,
        T: Send + Sync,
    {
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_map",
                &["pool"],
                &["rest"],
            );
            &META
        };
        let copy_of_pool = ::async_op::expansion::copy_of(pool);
        ::async_op::expansion::from_future::<
            fn(Vec<Self>),
            _,
            _,
        >(
            meta,
            pool.executor(),
            async move {
                Self::async_map_body::<
                    T,
                    N,
                >(&copy_of_pool, items, rest, f, label, argument5)
                    .await
            },
        )
    }
    #[doc(hidden)]
    async fn async_map_body<'a: 'a, T: Clone, const N: usize>(
        pool: &Pool,
        items: [T; N],
        rest: &'a [T],
        f: impl Fn(&T) -> T + Send,
        label: Label<'_>,
        _: u8,
    ) -> Vec<Self>
    where
        T: Send + Sync,
    {
        items.iter().chain(rest).map(f).map(Self::new).collect()
    }
}
