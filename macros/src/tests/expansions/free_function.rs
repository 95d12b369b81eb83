/// # How to call it
///
/// The last argument says how the result arrives:
///
/// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<Socket>`, which you `.await`
/// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<Socket>`
/// - a closure: is called with it, `|result: io::Result<Socket>| ..`
///
/// [`connect`](fn@connect) leaves that open: `connect(..).await` is the same as `async_connect(.., UseFuture).await`.
///
/// # Completion
///
/// Completes with `fn(io::Result<Socket>)`. Copies `context`.
///
/// # Cancellation
///
/// Honours terminal requests: the operations that it awaits are asked to stop.
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "a token is added, and copies are passed on"
)]
pub fn async_connect<
    'op,
    Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<Socket>)>,
>(
    context: &IoContext,
    address: SocketAddr,
    token: Token,
) -> Token::Return<
    impl ::async_op::expansion::Initiation<fn(io::Result<Socket>)> + 'op,
> {
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    fn async_connect_operation(
        context: &IoContext,
        address: SocketAddr,
    ) -> impl ::async_op::expansion::Initiation<fn(io::Result<Socket>)> {
        #[doc(hidden)]
        async fn async_connect_body(
            context: &IoContext,
            mut address: SocketAddr,
        ) -> io::Result<Socket> {
            Socket::open(context)?.connect(address).await
        }
        let meta = {
            const META: ::async_op::expansion::Meta = ::async_op::expansion::Meta::new(
                "async_connect",
                &["context"],
                &[],
            );
            &META
        };
        let executor = {
            use ::async_op::expansion::ExecutorOf as _;
            (*context).executor_of()
        };
        let copy_of_context = ::async_op::expansion::copy_of_context(context);
        ::async_op::expansion::from_future::<
            fn(io::Result<Socket>),
            _,
            _,
        >(
            meta,
            executor,
            async move { async_connect_body(&copy_of_context, address).await },
        )
    }
    ::async_op::expansion::async_initiate_at::<
        554405363,
        _,
        _,
        _,
    >(async_connect_operation(context, address), token)
}
/// The operation of [`async_connect`](fn@async_connect), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
#[track_caller]
#[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
pub fn connect<'op>(
    context: &IoContext,
    address: SocketAddr,
) -> ::async_op::expansion::Operation<
    fn(io::Result<Socket>),
    impl ::async_op::expansion::Initiation<fn(io::Result<Socket>)> + 'op,
> {
    async_connect(
        context,
        address,
        ::async_op::expansion::At::<_, 554405363>(::async_op::expansion::Deferred),
    )
}
