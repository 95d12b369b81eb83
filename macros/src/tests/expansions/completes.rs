/// # How to call it
///
/// The last argument says how the result arrives:
///
/// - [`UseFuture`](crate::renamed::expansion::UseFuture): returns a future of `(u8, char)`, which you `.await`
/// - [`Blocking`](crate::renamed::expansion::Blocking): waits, and returns `(u8, char)`
/// - a closure: is called with it, `|a: u8, b: char| ..`
///
/// # Completion
///
/// Completes with `fn(a: u8, b: char)`.
///
/// # Cancellation
///
/// Honours terminal requests: the operations that it awaits are asked to stop.
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
fn async_pair<
    'op,
    Token: crate::renamed::expansion::CompletionToken<'op, fn(a: u8, b: char)>,
>(
    executor: Executor,
    token: Token,
) -> Token::Return<
    impl crate::renamed::expansion::Initiation<fn(a: u8, b: char)> + 'op,
> {
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_pair_operation(
        executor: Executor,
    ) -> impl crate::renamed::expansion::Initiation<fn(a: u8, b: char)> {
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
        crate::renamed::expansion::from_future::<
            fn(a: u8, b: char),
            _,
            _,
        >(meta, executor, async_pair_body(executor))
    }
    crate::renamed::expansion::async_initiate_at::<
        2879606137,
        _,
        _,
        _,
    >(async_pair_operation(executor), token)
}
