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
) -> <Token as ::async_op::expansion::CompletionToken<
    'op,
    fn(u32),
>>::Return<impl ::async_op::expansion::Initiation<fn(u32)> + 'op>
where
    Token: ::async_op::expansion::CompletionToken<'op, fn(u32)>,
{
    #[doc(hidden)]
    #[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
    fn async_answer_operation<'op>() -> impl ::async_op::expansion::Initiation<
        fn(u32),
    > + 'op {
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
    #[doc(hidden)]
    fn async_answer_body(op: Completion<fn(u32)>) {
        op.complete(42)
    }
    ::async_op::expansion::async_initiate(async_answer_operation(), token)
}
/// The operation of [`async_answer`], not yet started.
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn answer<'op>() -> ::async_op::expansion::Operation<
    fn(u32),
    impl ::async_op::expansion::Initiation<fn(u32)> + 'op,
> {
    async_answer(::async_op::expansion::Deferred)
}
