/// # Completion
///
/// Completes with `fn()`.
///
/// ```ignore
/// || ..
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn r#async_move<'op, Token>(
    r#in: Context,
    token: Token,
) -> <Token as ::async_op::expansion::CompletionToken<
    'op,
    fn(),
>>::Return<impl ::async_op::expansion::Initiation<fn()> + 'op>
where
    Token: ::async_op::expansion::CompletionToken<'op, fn()>,
{
    ::async_op::expansion::async_initiate(
        async_move_without_async_op_associated_a1ed19c8(r#in),
        token,
    )
}
/// The operation of [`async_move`], not yet started.
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn r#move<'op>(
    r#in: Context,
) -> ::async_op::expansion::Operation<
    fn(),
    impl ::async_op::expansion::Initiation<fn()> + 'op,
> {
    ::async_op::expansion::async_initiate(
        async_move_without_async_op_associated_a1ed19c8(r#in),
        ::async_op::expansion::Deferred,
    )
}
#[doc(hidden)]
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn async_move_without_async_op_associated_a1ed19c8<'op>(
    r#in: Context,
) -> impl ::async_op::expansion::Initiation<fn()> + 'op {
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
    let operation = ::async_op::expansion::from_fn::<
        fn(),
        _,
        _,
    >(meta, executor, move |op| async_move_body(r#in, op));
    operation
}
