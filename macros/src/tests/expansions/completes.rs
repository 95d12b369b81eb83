/// # Completion
///
/// Completes with `fn(a: u8, b: char)`.
///
/// ```ignore
/// |a: u8, b: char| ..
/// ```
///
/// # Cancellation
///
/// Honours terminal requests: the operations that it awaits are asked to stop.
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn async_pair<'op, Token>(
    executor: Executor,
    token: Token,
) -> <Token as crate::renamed::expansion::CompletionToken<
    'op,
    fn(a: u8, b: char),
>>::Return<impl crate::renamed::expansion::Initiation<fn(a: u8, b: char)> + 'op>
where
    Token: crate::renamed::expansion::CompletionToken<'op, fn(a: u8, b: char)>,
{
    crate::renamed::expansion::async_initiate(
        async_pair_without_async_op_associated_aba34d79(executor),
        token,
    )
}
#[doc(hidden)]
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn async_pair_without_async_op_associated_aba34d79<'op>(
    executor: Executor,
) -> impl crate::renamed::expansion::Initiation<fn(a: u8, b: char)> + 'op {
    #[doc(hidden)]
    async fn async_pair_body(executor: Executor) -> (u8, char) {
        (1, 'x')
    }
    let meta = {
        const META: crate::renamed::expansion::Meta = crate::renamed::expansion::Meta::new(
            "async_pair",
            &[],
            &[],
        );
        &META
    };
    let executor = {
        use crate::renamed::expansion::ExecutorOf as _;
        executor.executor_of()
    };
    let operation = crate::renamed::expansion::from_future::<
        fn(a: u8, b: char),
        _,
        _,
    >(meta, executor, async_pair_body(executor));
    operation
}
