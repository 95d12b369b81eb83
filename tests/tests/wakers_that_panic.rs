//! A foreign waker may panic when it is cloned. The operation that it was for is
//! over then; nothing else is.

use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::mpsc;
use std::task::{Context, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::Duration;

use async_op::IoContext;
use async_op::net::TcpListener;
use async_op::sync::{Channel, Mutex, Semaphore};
use async_op::time::Timer;

fn waker_that_panics() -> Waker {
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("no clones"), |_| {}, |_| {}, |_| {});
    // SAFETY: the vtable does nothing with its pointer.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &VTABLE)) }
}

fn panics<F: Future>(future: Pin<&mut F>) {
    let waker = waker_that_panics();
    let polled = AssertUnwindSafe(|| future.poll(&mut Context::from_waker(&waker)).is_ready());
    assert!(catch_unwind(polled).is_err());
}

/// Has `operation` wait, and then polled with a waker that panics.
fn waits_and_panics(operation: impl IntoFuture) {
    let mut future = pin!(operation.into_future());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    panics(future.as_mut());
}

#[test]
fn a_mutex_can_be_locked_again() {
    let context = IoContext::new().unwrap();
    let mutex = Mutex::new(&context, 1);
    let guard = mutex.try_lock().unwrap();
    waits_and_panics(mutex.lock());
    drop(guard);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_permit_comes_back() {
    let context = IoContext::new().unwrap();
    let semaphore = Semaphore::new(&context, 1);
    let permit = semaphore.try_acquire(1).unwrap();
    waits_and_panics(semaphore.acquire());
    drop(permit);
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_message_goes_to_somebody_else() {
    let context = IoContext::new().unwrap();
    let channel = Channel::<u32>::new(&context, 1);
    waits_and_panics(channel.receive());
    channel.try_send(7).unwrap();
    assert_eq!(channel.try_receive().unwrap(), 7);
}

#[test]
fn nobody_waits_for_a_timer() {
    let context = IoContext::new().unwrap();
    let timer = Timer::new(&context);
    timer.expires_after(Duration::from_secs(3600));
    waits_and_panics(timer.wait());
    panics(pin!(timer.wait()));
    assert_eq!(timer.cancel(), 0);
}

#[test]
fn a_socket_serves_others() {
    let context = IoContext::new().unwrap();
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
    waits_and_panics(listener.accept());
    panics(pin!(listener.accept()));
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.accept().blocking().unwrap();
}

/// A message that was not sent is dropped outside of the lock.
#[test]
fn a_message_may_look_at_its_channel() {
    struct Looks(Channel<Looks>, mpsc::Sender<usize>);

    impl Drop for Looks {
        fn drop(&mut self) {
            self.1.send(self.0.len()).unwrap();
        }
    }

    let (sender, receiver) = mpsc::channel();
    // Of its own: it would hang.
    thread::spawn(move || {
        let context = IoContext::new().unwrap();
        let channel = Channel::<Looks>::new(&context, 0);
        let message = Looks(channel.clone(), sender);
        panics(pin!(channel.send(message)));
    });
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(0));
}
