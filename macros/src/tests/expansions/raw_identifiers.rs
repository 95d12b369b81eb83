/// # How to call it
///
/// The last argument says how the result arrives:
///
/// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `()`, which you `.await`
/// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `()`
/// - a closure: is called with it, `|| ..`
///
/// [`move`](fn@move) leaves that open: `move(..).await` is the same as `async_move(.., UseFuture).await`.
///
/// # Completion
///
/// Completes with `fn()`.
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
fn r#async_move<'op, Token: ::async_op::expansion::CompletionToken<'op, fn()>>(
    r#in: Context,
    token: Token,
) -> Token::Return<impl ::async_op::expansion::Initiation<fn()> + 'op> {
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_move_operation(
        r#in: Context,
    ) -> impl ::async_op::expansion::Initiation<fn()> {
        #[doc(hidden)]
        fn async_move_body(r#in: Context, op: Completion<fn()>) {}
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_move",
                &[],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            r#in.executor_of()
        };
        ::async_op::expansion::from_fn::<
            fn(),
            _,
            _,
        >(meta, executor, move |op| async_move_body(r#in, op))
    }
    ::async_op::expansion::async_initiate_at::<
        2716670408,
        _,
        _,
        _,
    >(async_move_operation(r#in), token)
}
/// The operation of [`async_move`](fn@async_move), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
fn r#move<'op>(
    r#in: Context,
) -> ::async_op::expansion::Operation<
    fn(),
    impl ::async_op::expansion::Initiation<fn()> + 'op,
> {
    r#async_move(
        r#in,
        ::async_op::expansion::At::<_, 2716670408>(::async_op::expansion::Deferred),
    )
}
