//! What the macro makes of `async_form.rs`. A test keeps it so; it is here for
//! reading.

#![allow(clippy::all, reason = "lints leave alone what macros write")]

use async_op::expansion::{
    async_initiate_at, copy_of, from_future, At, CompletionToken, Deferred, ExecutorOf, Initiation,
    Meta, Operation,
};
use async_op::time::Timer;

use async_op::{Blocking, IoContext, IoExecutor};

use std::io;

use std::time::Duration;

/// Waits `pause` before each of the `marks`, and counts them.
///
/// # How to call it
///
/// The last argument says how the result arrives:
///
/// - [`UseFuture`](async_op::expansion::UseFuture): returns a future of `io::Result<usize>`, which you `.await`
/// - [`Blocking`](async_op::expansion::Blocking): waits, and returns `io::Result<usize>`
/// - a closure: is called with it, `|result: io::Result<usize>| ..`, if `marks` is borrowed for `'static`
///
/// [`count`](fn@count) leaves that open: `count(..).await` is the same as `async_count(.., UseFuture).await`.
///
/// # Completion
///
/// Completes with `fn(io::Result<usize>)`. Copies `context`; borrows `marks` until then.
///
/// # Cancellation
///
/// Honours terminal requests: the operations that it awaits are asked to stop.
#[track_caller]
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "a token is added, and copies are passed on"
)]
fn async_count<'op, Token: CompletionToken<'op, fn(io::Result<usize>)>>(
    context: &IoExecutor,
    pause: Duration,
    marks: &'op mut [bool],
    token: Token,
) -> Token::Return<impl Initiation<fn(io::Result<usize>)> + 'op> {
    #[track_caller]
    fn async_count_operation<'op>(
        context: &IoExecutor,
        pause: Duration,
        marks: &'op mut [bool],
    ) -> impl Initiation<fn(io::Result<usize>)> + 'op {
        #[doc(hidden)]
        async fn async_count_body(
            context: &IoExecutor,
            pause: Duration,
            marks: &mut [bool],
        ) -> io::Result<usize> {
            let timer = Timer::new(context);
            for mark in marks.iter_mut() {
                timer.expires_after(pause);
                timer.wait().await?;
                *mark = true;
            }
            Ok(marks.len())
        }
        let meta = {
            const META: Meta = Meta::new("async_count", &["context"], &["marks"]);
            &META
        };
        let executor = {
            use ExecutorOf as _;
            (*context).executor_of()
        };
        let copy_of_context = copy_of(context);
        from_future::<fn(io::Result<usize>), _, _>(meta, executor, async move {
            async_count_body(&copy_of_context, pause, marks).await
        })
    }
    async_initiate_at::<2764868392, _, _, _>(async_count_operation(context, pause, marks), token)
}

/// Waits `pause` before each of the `marks`, and counts them.
///
/// The operation of [`async_count`](fn@async_count), not yet started: `.await` it, wait for it with `.blocking()`, or give it a `.callback(..)`. See [`Operation`](async_op::expansion::Operation).
#[track_caller]
fn count<'op>(
    context: &IoExecutor,
    pause: Duration,
    marks: &'op mut [bool],
) -> Operation<fn(io::Result<usize>), impl Initiation<fn(io::Result<usize>)> + 'op> {
    async_count(context, pause, marks, At::<_, 2764868392>(Deferred))
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let mut marks = [false; 3];
    let pause = Duration::from_micros(1);
    assert_eq!(async_count(&context, pause, &mut marks, Blocking)?, 3);
    assert_eq!(count(&context, pause, &mut marks).blocking()?, 3);
    assert_eq!(marks, [true; 3]);
    Ok(())
}
