//! Tokens: `UseFuture` on every runtime, and the deferred operation.

use std::io;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use async_op::net::{TcpListener, TcpStream};
use async_op::time::Timer;
use async_op::{
    Completion, Deferred, Initiation, IoContext, Operation, SystemExecutor, UseFuture, async_op,
};
use async_op_tests::{Form, HandlerForm, Log, Polled, both_forms};

#[async_op]
fn async_square(_executor: &SystemExecutor, n: u32, op: Completion<fn(u32)>) {
    thread::spawn(move || op.complete(n * n));
}

/// A timer, a connection and a handler-form operation, awaited.
async fn everything() -> io::Result<u32> {
    let timer = Timer::new(&SystemExecutor);
    timer.expires_after(Duration::from_millis(1));
    timer.async_wait(UseFuture).await?;
    let listener = TcpListener::bind(&SystemExecutor, ([127, 0, 0, 1], 0).into())?;
    let client = TcpStream::connect(&SystemExecutor, listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;
    client.write_some("hello").await?;
    let mut buffer = [0; 16];
    let n = server.read_some(&mut buffer).await?;
    assert_eq!(&buffer[..n], b"hello");
    Ok(square(&SystemExecutor, 3).await + async_square(&SystemExecutor, 4, UseFuture).await)
}

#[test]
fn on_pollster() {
    assert_eq!(pollster::block_on(everything()).unwrap(), 25);
}

#[test]
fn on_smol() {
    let tasks: Vec<_> = (0..8).map(|_| smol::spawn(everything())).collect();
    for task in tasks {
        assert_eq!(smol::block_on(task).unwrap(), 25);
    }
}

#[test]
fn on_tokio_with_several_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..8).map(|_| runtime.spawn(everything())).collect();
    for task in tasks {
        assert_eq!(runtime.block_on(task).unwrap().unwrap(), 25);
    }
}

#[test]
fn in_select_and_join() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (short, long) = (Timer::new(&SystemExecutor), Timer::new(&SystemExecutor));
        short.expires_after(Duration::from_millis(1));
        long.expires_after(Duration::from_secs(3600));
        tokio::select! {
            result = short.wait() => result.unwrap(),
            _ = long.wait() => unreachable!("an hour"),
        }
        // The one that lost has been deregistered.
        assert_eq!(long.cancel(), 0);
        let (a, b) = tokio::join!(square(&SystemExecutor, 2), square(&SystemExecutor, 3),);
        assert_eq!((a, b), (4, 9));
    });
}

both_forms! {
    fn it_does_not_start_before_it_is_awaited<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        let operation = form.operation(&context);
        assert_eq!(context.run(), 0);
        context.restart();
        let mut future = Polled::new(operation);
        assert_eq!(context.run(), 0);
        context.restart();
        assert!(future.poll().is_pending());
        form.finish(3);
        assert_eq!(future.poll(), Poll::Ready(3));
    }

    fn callback<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        let inner = log.clone();
        form.operation(&context).callback(move |value| inner.push(value.to_string()));
        form.finish(3);
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "3");
    }

    fn detach<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        form.operation(&context).detach();
        form.finish(3);
        assert_eq!(context.run(), 1);
    }

    fn deferred_once_more<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        let operation = form.operation(&context).with(Deferred).with(Deferred);
        let mut future = Polled::new(operation.map(|value| value + 1).map(|value| value * 2));
        assert!(future.poll().is_pending());
        form.finish(3);
        assert_eq!(future.poll(), Poll::Ready(8));
    }

    fn dropped_it_never_starts<F: Form>() {
        let context = IoContext::new().unwrap();
        let form = F::default();
        drop(form.operation(&context));
        assert_eq!(context.run(), 0);
    }

    fn it_may_be_started_on_another_thread<F: Form>() {
        let (log, context) = (Log::new(), IoContext::new().unwrap());
        let form = F::default();
        let (operation, inner) = (form.operation(&context), log.clone());
        thread::spawn(move || operation.callback(move |_| inner.push("called")))
            .join()
            .unwrap();
        form.finish(1);
        assert_eq!(context.run(), 1);
        assert_eq!(log.take(), "called");
    }
}

#[test]
fn an_operation_may_be_returned_from_a_function_that_borrowed() {
    type Waited = fn(io::Result<()>);

    fn soon(context: &IoContext) -> Operation<Waited, impl Initiation<Waited> + use<>> {
        let timer = Timer::new(context);
        timer.wait()
    }

    let context = IoContext::new().unwrap();
    pollster::block_on(soon(&context)).unwrap();
}

#[test]
fn a_result_wakes_the_latest_waker_only() {
    let context = IoContext::new().unwrap();
    let form = HandlerForm::default();
    let mut future = Box::pin(form.future(&context));
    let (first, second) = (Counter::default(), Counter::default());
    for counter in [&first, &second, &first, &second] {
        let waker = std::task::Waker::from(counter.0.clone());
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    form.finish(1);
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[derive(Default)]
struct Counter(std::sync::Arc<CounterWake>);

#[derive(Default)]
struct CounterWake(std::sync::atomic::AtomicUsize);

impl Counter {
    fn count(&self) -> usize {
        self.0.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl std::task::Wake for CounterWake {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}
