/// Gets the value of `key`.
///
/// # Completion
///
/// Completes with `fn(io::Result<Value>)`.
///
/// ```ignore
/// |result: io::Result<Value>| ..
/// ```
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn async_get<'op, Token>(
    client: &Client,
    key: &str,
    token: Token,
) -> <Token as ::async_op::expansion::CompletionToken<
    'op,
    fn(io::Result<Value>),
>>::Return<impl ::async_op::expansion::Initiation<fn(io::Result<Value>)> + 'op>
where
    Token: ::async_op::expansion::CompletionToken<'op, fn(io::Result<Value>)>,
{
    ::async_op::expansion::async_initiate(
        async_get_without_async_op_associated_67e1cae3(client, key),
        token,
    )
}
/// Gets the value of `key`.
///
/// The operation of [`async_get`], not yet started.
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
pub fn get<'op>(
    client: &Client,
    key: &str,
) -> ::async_op::expansion::Operation<
    fn(io::Result<Value>),
    impl ::async_op::expansion::Initiation<fn(io::Result<Value>)> + 'op,
> {
    ::async_op::expansion::async_initiate(
        async_get_without_async_op_associated_67e1cae3(client, key),
        ::async_op::expansion::Deferred,
    )
}
#[doc(hidden)]
#[track_caller]
#[allow(clippy::too_many_arguments, reason = "one of them is the macro's")]
fn async_get_without_async_op_associated_67e1cae3<'op>(
    client: &Client,
    key: &str,
) -> impl ::async_op::expansion::Initiation<fn(io::Result<Value>)> + 'op {
    #[track_caller]
    #[doc(hidden)]
    fn async_get_body<'op>(
        client: &Client,
        key: &str,
    ) -> impl Initiation<fn(io::Result<Value>)> + 'op {
        client.command(Get(key.into()))
    }
    let operation = async_get_body(client, key);
    operation
}
