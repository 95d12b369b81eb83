/// # Completion
///
/// Completes with `fn(u32)`.
///
/// ```ignore
/// |value: u32| ..
/// ```
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn async_answer<'op, Token>(
    token: Token,
) -> <Token as ::async_op::__private::CompletionToken<
    'op,
    fn(u32),
>>::Return<impl ::async_op::__private::Initiation<fn(u32)> + 'op>
where
    Token: ::async_op::__private::CompletionToken<'op, fn(u32)>,
{
    #[doc(hidden)]
    fn async_answer_body(op: Completion<fn(u32)>) {
        op.complete(42)
    }
    let meta = {
        const META: ::async_op::__private::Meta = ::async_op::__private::Meta::new(
            "async_answer",
            &[],
            &[],
        );
        &META
    };
    let executor = ::async_op::__private::SystemExecutor;
    let operation = ::async_op::__private::from_fn::<
        fn(u32),
        _,
        _,
    >(meta, executor, move |op| async_answer_body(op));
    ::async_op::__private::async_initiate(operation, token)
}
/// The operation of [`async_answer`], not yet started.
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn answer<'op>() -> ::async_op::__private::Operation<
    fn(u32),
    impl ::async_op::__private::Initiation<fn(u32)> + 'op,
> {
    async_answer(::async_op::__private::Deferred)
}
