/// # How to call it
///
/// The last argument says how the result arrives:
///
/// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `u32`, which you `.await`
/// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `u32`
/// - a closure: is called with it, `|value: u32| ..`
///
/// [`answer`](fn@answer) leaves that open: `answer(..).await` is the same as `async_answer(.., UseFuture).await`.
///
/// # Completion
///
/// Completes with `fn(u32)`.
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
pub fn async_answer<'op, Token: ::async_op::expansion::CompletionToken<'op, fn(u32)>>(
    token: Token,
) -> Token::Return<impl ::async_op::expansion::Initiation<fn(u32)> + 'op> {
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_answer_operation() -> impl ::async_op::expansion::Initiation<fn(u32)> {
        #[doc(hidden)]
        fn async_answer_body(op: Completion<fn(u32)>) {
            op.complete(42)
        }
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_answer",
                &[],
                &[],
            );
            &META
        };
        ::async_op::expansion::from_fn::<
            fn(u32),
            _,
            _,
        >(meta, ::async_op::expansion::SystemExecutor, move |op| async_answer_body(op))
    }
    ::async_op::expansion::async_initiate_at::<
        3568270470,
        _,
        _,
        _,
    >(async_answer_operation(), token)
}
/// The operation of [`async_answer`](fn@async_answer), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
pub fn answer<'op>() -> ::async_op::expansion::Operation<
    fn(u32),
    impl ::async_op::expansion::Initiation<fn(u32)> + 'op,
> {
    async_answer(
        ::async_op::expansion::At::<_, 3568270470>(::async_op::expansion::Deferred),
    )
}
