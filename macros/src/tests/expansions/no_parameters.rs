/// # Completion
///
/// Completes with `fn(u32)`.
///
/// ```ignore
/// |value: u32| ..
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn async_answer<'op, Token>(
    token: Token,
) -> <Token as ::async_op::expansion::CompletionToken<
    'op,
    fn(u32),
>>::Return<impl ::async_op::expansion::Initiation<fn(u32)> + 'op>
where
    Token: ::async_op::expansion::CompletionToken<'op, fn(u32)>,
{
    ::async_op::expansion::async_initiate(
        async_answer_without_async_op_associated_d4af7c86(),
        token,
    )
}
/// The operation of [`async_answer`], not yet started.
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn answer<'op>() -> ::async_op::expansion::Operation<
    fn(u32),
    impl ::async_op::expansion::Initiation<fn(u32)> + 'op,
> {
    ::async_op::expansion::async_initiate(
        async_answer_without_async_op_associated_d4af7c86(),
        ::async_op::expansion::Deferred,
    )
}
#[doc(hidden)]
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn async_answer_without_async_op_associated_d4af7c86<'op>() -> impl ::async_op::expansion::Initiation<
    fn(u32),
> + 'op {
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
    let operation = ::async_op::expansion::from_fn::<
        fn(u32),
        _,
        _,
    >(meta, ::async_op::expansion::SystemExecutor, move |op| async_answer_body(op));
    operation
}
