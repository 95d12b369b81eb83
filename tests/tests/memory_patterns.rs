//! The five patterns of memory per operation that Asio's overview of allocators tells apart,
//! by what the allocator of the handler sees.

use std::io;
use std::time::Duration;

use async_op::alloc::{AnyAllocator, VecIn};
use async_op::task::FrameBox;
use async_op::time::Timer;
use async_op::{
    Blocking, Completion, Handler, IoContext, IoExecutor, async_op, bind_allocator, this_op,
};
use async_op_tests::{Log, Probe, Recorder, Slot};

fn room(allocator: AnyAllocator) -> io::Result<VecIn<u8, AnyAllocator>> {
    let mut bytes = VecIn::new_in(allocator);
    let reserved = bytes.try_reserve_exact(1000);
    reserved.map_err(|_| io::ErrorKind::OutOfMemory)?;
    Ok(bytes)
}

type Outcome = io::Result<()>;

#[async_op]
async fn async_none(timer: &Timer) -> Outcome {
    timer.wait().await
}

#[async_op]
async fn async_fixed(timer: &Timer) -> Outcome {
    let bytes = [1_u8; 100];
    timer.wait().await?;
    assert_eq!(std::hint::black_box(bytes)[99], 1);
    Ok(())
}

#[async_op]
async fn async_sized(timer: &Timer) -> Outcome {
    let bytes = room(this_op::allocator())?;
    timer.wait().await?;
    drop(bytes);
    Ok(())
}

#[async_op]
async fn async_several(timer: &Timer) -> Outcome {
    let bytes = (room(this_op::allocator())?, room(this_op::allocator())?);
    timer.wait().await?;
    let (one, other) = bytes;
    drop(other);
    drop(one);
    Ok(())
}

#[async_op]
async fn async_serial(timer: &Timer) -> Outcome {
    {
        let _bytes = room(this_op::allocator())?;
        timer.wait().await?;
    }
    FrameBox::new(async {
        let bytes = [1_u8; 1000];
        timer.wait().await?;
        assert_eq!(std::hint::black_box(bytes)[999], 1);
        Ok(())
    })
    .await
}

#[async_op]
fn async_none_by_handler(timer: &Timer, op: Completion<fn(Outcome)>) {
    // Kept by the timer, in memory that it has.
    timer.cancel();
    std::thread::spawn(move || op.complete(Ok(())));
}

#[async_op]
fn async_fixed_by_handler(_executor: &IoExecutor, bytes: [u8; 100], op: Completion<fn(Outcome)>) {
    assert_eq!(bytes[99], 1);
    op.complete(Ok(()));
}

#[async_op]
fn async_sized_by_handler(_executor: &IoExecutor, op: Completion<fn(Outcome)>) {
    match room(op.allocator()) {
        Ok(bytes) => op.keeping(bytes).complete(Ok(())),
        Err(error) => op.complete(Err(error)),
    }
}

#[async_op]
fn async_several_by_handler(_executor: &IoExecutor, op: Completion<fn(Outcome)>) {
    // A `Keeping` of what is kept: dropped in the order of the tuple.
    let kept = (room(op.allocator()).unwrap(), room(op.allocator()).unwrap());
    op.keeping(kept).complete(Ok(()));
}

#[async_op]
fn async_serial_by_handler(timer: &Timer, op: Completion<fn(Outcome)>) {
    let again = timer.clone();
    let kept = room(op.allocator()).unwrap();
    timer.wait().callback_for(op, move |op, result| {
        drop(kept);
        result.unwrap();
        let kept = room(op.allocator()).unwrap();
        again
            .wait()
            .callback_for(op, move |op, result| op.keeping(kept).complete(result));
    });
}

/// Starts an operation with a handler whose allocator writes to a log, and returns that.
fn log_of(start: impl FnOnce(&IoContext, &Timer, Recorder, Log)) -> String {
    let (log, context) = (Log::new(), IoContext::new().unwrap());
    let memory = Recorder::new(&log);
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_micros(1));
    start(&context, &timer, memory.clone(), log.clone());
    context.run();
    memory.assert_balanced();
    log.take()
}

macro_rules! assert_log {
    ($log:literal, |$context:ident, $timer:ident, $token:ident| $start:expr) => {
        let log = log_of(|$context, $timer, memory, log| {
            _ = ($context, $timer);
            let probe = Probe::calling(&log, |(result,): (Outcome,)| result.unwrap());
            let $token = Handler(probe.allocating(&memory));
            drop(memory);
            $start;
        });
        assert_eq!(log, $log, "{}", stringify!($start));
    };
}

#[test]
fn in_the_async_form() {
    assert_log!("A0 D0 call", |_context, timer, token| async_none(
        timer, token
    ));
    assert_log!("A0 D0 call", |_context, timer, token| async_fixed(
        timer, token
    ));
    assert_log!("A0 A1 D1 D0 call", |_context, timer, token| async_sized(
        timer, token
    ));
    assert_log!("A0 A1 A2 D2 D1 D0 call", |_context, timer, token| {
        async_several(timer, token)
    });
    assert_log!("A0 A1 D1 A2 D2 D0 call", |_context, timer, token| {
        async_serial(timer, token)
    });
}

#[test]
fn in_the_handler_form() {
    assert_log!(
        "A0 D0 call",
        |_context, timer, token| async_none_by_handler(timer, token)
    );
    assert_log!("A0 D0 call", |context, _timer, token| {
        async_fixed_by_handler(context, [1; 100], token)
    });
    assert_log!("A0 A1 D1 D0 call", |context, _timer, token| {
        async_sized_by_handler(context, token)
    });
    assert_log!("A0 A1 A2 D1 D2 D0 call", |context, _timer, token| {
        async_several_by_handler(context, token)
    });
    // Two steps, each of which has a block of its own.
    assert_log!(
        "A0 A1 A2 D2 D1 A3 A4 D4 D3 D0 call",
        |_context, timer, token| async_serial_by_handler(timer, token)
    );
}

/// What it keeps goes back before the handler is dropped, too.
#[test]
fn what_is_kept_by_an_operation_that_is_abandoned() {
    #[async_op]
    fn async_abandoned(_executor: &IoExecutor, op: Completion<fn(Outcome)>) {
        let kept = room(op.allocator()).unwrap();
        drop(op.keeping(kept));
    }

    assert_log!(
        "A0 A1 D1 D0 drop",
        |context, _timer, token| async_abandoned(context, token)
    );
}

/// A slot of one block has no room for another: an error, and no end of the process.
#[test]
fn an_allocator_that_refuses_is_an_error() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    let refused =
        |result: Outcome| assert_eq!(result.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
    async_sized(&timer, bind_allocator(Slot::new(), refused));
    async_sized_by_handler(&context, bind_allocator(Slot::new(), refused));
    assert_eq!(context.run(), 2);
    // Awaited, the operation needs none, and the buffer has the slot.
    async_sized(&timer, bind_allocator(Slot::new(), Blocking)).unwrap();
}
