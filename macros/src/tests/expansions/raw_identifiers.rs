/// # Completion
///
/// Completes with `fn()`.
///
/// ```ignore
/// || ..
/// ```
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
    #[doc(hidden)]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_move_operation<'op>(
        r#in: Context,
    ) -> impl ::async_op::expansion::Initiation<fn()> + 'op {
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
    #[doc(hidden)]
    fn async_move_body(r#in: Context, op: Completion<fn()>) {}
    ::async_op::expansion::async_initiate(async_move_operation(r#in), token)
}
/// The operation of [`async_move`], not yet started.
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn r#move<'op>(
    r#in: Context,
) -> ::async_op::expansion::Operation<
    fn(),
    impl ::async_op::expansion::Initiation<fn()> + 'op,
> {
    r#async_move(r#in, ::async_op::expansion::Deferred)
}
