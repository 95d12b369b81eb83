//! The async form: the body is the operation. `async_form-expanded.rs` is what
//! the macro makes of it.

use async_op::time::Timer;
use async_op::{async_op, Blocking, IoContext, IoExecutor};
use std::io;
use std::time::Duration;

/// Waits `pause` before each of the `marks`, and counts them.
#[async_op]
async fn async_count(
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

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let mut marks = [false; 3];
    let pause = Duration::from_micros(1);
    assert_eq!(async_count(&context, pause, &mut marks, Blocking)?, 3);
    assert_eq!(count(&context, pause, &mut marks).blocking()?, 3);
    assert_eq!(marks, [true; 3]);
    Ok(())
}
