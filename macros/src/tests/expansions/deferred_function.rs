/// Gets the value of `key`.
///
/// # How to call it
///
/// The last argument says how the result arrives:
///
/// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<Value>`, which you `.await`
/// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<Value>`
/// - a closure: is called with it, `|result: io::Result<Value>| ..`
///
/// [`get`](fn@get) leaves that open: `get(..).await` is the same as `async_get(.., UseFuture).await`.
///
/// # Completion
///
/// Completes with `fn(io::Result<Value>)`.
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
pub fn async_get<
    'op,
    Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<Value>)>,
>(
    client: &Client,
    key: &str,
    token: Token,
) -> Token::Return<impl ::async_op::expansion::Initiation<fn(io::Result<Value>)> + 'op> {
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_get_operation(
        client: &Client,
        key: &str,
    ) -> impl ::async_op::expansion::Initiation<fn(io::Result<Value>)> {
        #[track_caller]
        #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
        #[doc(hidden)]
        fn async_get_body<'op>(
            client: &Client,
            key: &str,
        ) -> impl Initiation<fn(io::Result<Value>)> + 'op {
            client.command(Get(key.into()))
        }
        async_get_body(client, key)
    }
    ::async_op::expansion::async_initiate_at::<
        1742850787,
        _,
        _,
        _,
    >(async_get_operation(client, key), token)
}
/// Gets the value of `key`.
///
/// The operation of [`async_get`](fn@async_get), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
pub fn get<'op>(
    client: &Client,
    key: &str,
) -> ::async_op::expansion::Operation<
    fn(io::Result<Value>),
    impl ::async_op::expansion::Initiation<fn(io::Result<Value>)> + 'op,
> {
    async_get(
        client,
        key,
        ::async_op::expansion::At::<_, 1742850787>(::async_op::expansion::Deferred),
    )
}
