/// # Completion
///
/// Completes with `fn(io::Result<Socket>)`. Copies `context`.
///
/// ```ignore
/// |result: io::Result<Socket>| ..
/// ```
///
/// # Cancellation
///
/// Honours terminal requests.
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn async_connect<'op, Token>(
    context: &IoContext,
    address: SocketAddr,
    token: Token,
) -> <Token as ::async_op::__private::CompletionToken<
    'op,
    fn(io::Result<Socket>),
>>::Return<impl ::async_op::__private::Initiation<fn(io::Result<Socket>)> + 'op>
where
    Token: ::async_op::__private::CompletionToken<'op, fn(io::Result<Socket>)>,
{
    #[doc(hidden)]
    async fn async_connect_body(
        context: &IoContext,
        mut address: SocketAddr,
    ) -> io::Result<Socket> {
        Socket::open(context)?.connect(address).await
    }
    let meta = {
        const META: ::async_op::__private::Meta = ::async_op::__private::Meta::new(
            "async_connect",
            &["context"],
            &[],
        );
        &META
    };
    let executor = {
        use ::async_op::__private::ExecutorOf as _;
        (*context).executor_of()
    };
    let copy_of_context = ::async_op::__private::copy_of(context);
    let operation = ::async_op::__private::from_future::<
        fn(io::Result<Socket>),
        _,
        _,
    >(
        meta,
        executor,
        async move { async_connect_body(&copy_of_context, address).await },
    );
    ::async_op::__private::async_initiate(operation, token)
}
/// The operation of [`async_connect`], not yet started.
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn connect<'op>(
    context: &IoContext,
    address: SocketAddr,
) -> ::async_op::__private::Operation<
    fn(io::Result<Socket>),
    impl ::async_op::__private::Initiation<fn(io::Result<Socket>)> + 'op,
> {
    async_connect(context, address, ::async_op::__private::Deferred)
}
