//! One read and one write, of streams that have no operations of their own for that.

use std::io;

use super::{AsyncReadStream, AsyncWriteStream, check_cancelled};
use crate::buffer::{ReadBuffer, WriteBuffer, lacks_length};
use crate::initiation::{Initiation, from_future};
use crate::meta::Meta;
use crate::signature::Signature;

/// Makes the operation of an `async_read_some`.
#[track_caller]
pub(crate) fn read_some<S, R, B>(
    stream: R,
    meta: &'static Meta,
    mut buffer: B,
) -> impl Initiation<S> + use<S, R, B>
where
    S: Signature<Output = B::Output<io::Result<usize>>>,
    R: AsyncReadStream,
    B: ReadBuffer,
{
    let executor = stream.executor();
    from_future(meta, executor, async move {
        let result = match check_cancelled() {
            Ok(()) => stream.read_after(&mut buffer, 0).await,
            Err(error) => Err(error),
        };
        let result = match result {
            Ok(0) if buffer.lacks_length() => Err(lacks_length()),
            result => result,
        };
        buffer.completed(result)
    })
}

/// Makes the operation of an `async_write_some`.
#[track_caller]
pub(crate) fn write_some<S, W, B>(
    stream: W,
    meta: &'static Meta,
    mut buffer: B,
) -> impl Initiation<S> + use<S, W, B>
where
    S: Signature<Output = B::Output<io::Result<usize>>>,
    W: AsyncWriteStream,
    B: WriteBuffer,
{
    let executor = stream.executor();
    from_future(meta, executor, async move {
        let result = match check_cancelled() {
            Ok(()) => stream.write_after(&mut buffer, 0).await,
            Err(error) => Err(error),
        };
        buffer.completed(result)
    })
}
