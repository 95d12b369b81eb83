//! `Returnable`: what an operation in handler form was completed with, and nobody has
//! received, is not lost.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::thread;

use async_op::sync::{Returnable, TakeBack};
use async_op::{Completion, Initiation, IoContext, IoExecutor, IoObject, SystemExecutor, async_op};
use async_op_tests::{Random, without_hanging};

/// Numbers, and those who wait for some.
#[derive(Clone)]
struct Inbox {
    executor: IoExecutor,
    state: Arc<Mutex<State>>,
}

type Receiver = Completion<fn(Returnable<u32, Inbox>)>;

#[derive(Default)]
struct State {
    last_id: u64,
    numbers: VecDeque<u32>,
    receivers: VecDeque<(u64, Receiver)>,
    /// What comes back is dropped, as if it could not.
    is_careless: bool,
}

impl IoObject for Inbox {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.executor
    }
}

impl TakeBack<u32> for Inbox {
    fn take_back(self, number: u32) {
        let mut state = self.state.lock().unwrap();
        if state.is_careless {
            return;
        }
        let at = state.numbers.partition_point(|&it| it < number);
        state.numbers.insert(at, number);
        drop(state);
        self.serve();
    }
}

impl Inbox {
    fn new(executor: IoExecutor) -> Self {
        Self {
            executor,
            state: Arc::default(),
        }
    }

    #[async_op]
    fn async_receive(&self) -> impl Initiation<fn(u32)> {
        self.delivery().map(Returnable::receive)
    }

    #[async_op]
    fn async_delivery(&self, op: Completion<fn(Returnable<u32, Inbox>)>) {
        let mut state = self.state.lock().unwrap();
        state.last_id += 1;
        let id = state.last_id;
        drop(state);
        let weak: Weak<Mutex<State>> = Arc::downgrade(&self.state);
        op.on_cancel(move |_| {
            let Some(state) = weak.upgrade() else { return };
            let mut state = state.lock().unwrap();
            let at = state.receivers.iter().position(|it| it.0 == id);
            let receiver = at.and_then(|at| state.receivers.remove(at));
            drop(state);
            // Nobody waits for it.
            drop(receiver);
        });
        self.state.lock().unwrap().receivers.push_back((id, op));
        self.serve();
    }

    fn send(&self, number: u32) {
        self.state.lock().unwrap().numbers.push_back(number);
        self.serve();
    }

    fn serve(&self) {
        loop {
            let mut state = self.state.lock().unwrap();
            if state.numbers.is_empty() || state.receivers.is_empty() {
                return;
            }
            let number = state.numbers.pop_front().unwrap();
            let (_, op) = state.receivers.pop_front().unwrap();
            drop(state);
            op.complete(Returnable::new(number, self.clone()));
        }
    }
}

/// How often a future is dropped that might have received something.
const DROPS: usize = 100_000;

/// Sends numbers to tasks that give up at random, until they have done so often enough;
/// returns those that nobody has received.
fn lost(is_careless: bool) -> Vec<u32> {
    let inbox = Inbox::new(*SystemExecutor);
    inbox.state.lock().unwrap().is_careless = is_careless;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (dropped, is_over) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let receivers: Vec<_> = (0..4)
        .map(|task| {
            let (inbox, dropped, is_over) = (inbox.clone(), dropped.clone(), is_over.clone());
            runtime.spawn(async move {
                let mut random = Random::new(task);
                let mut received = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let mut receive = pin!(inbox.receive());
                    let mut number = None;
                    for _ in 0..=random.below(3) {
                        let polled = poll_fn(|cx| Poll::Ready(receive.as_mut().poll(cx))).await;
                        if let Poll::Ready(ready) = polled {
                            number = Some(ready);
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    match number {
                        Some(number) => received.push(number),
                        None => {
                            dropped.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
                received
            })
        })
        .collect();
    let mut sent = 0;
    while dropped.load(Ordering::SeqCst) < DROPS {
        // No more than they can take: who finds a number at once gives up nothing.
        let waiting = inbox.state.lock().unwrap().numbers.len();
        for _ in waiting..20 {
            sent += 1;
            inbox.send(sent);
        }
        thread::yield_now();
    }
    is_over.store(true, Ordering::SeqCst);
    let mut seen = vec![false; sent as usize + 1];
    let mut note = |number: u32| {
        let seen = &mut seen[number as usize];
        assert!(!std::mem::replace(seen, true), "{number} twice");
    };
    for receiver in receivers {
        let received = runtime.block_on(receiver).unwrap();
        received.into_iter().for_each(&mut note);
    }
    let state = inbox.state.lock().unwrap();
    assert_eq!(state.receivers.len(), 0);
    state.numbers.iter().copied().for_each(&mut note);
    assert!(sent > 1000, "{sent}");
    (1..=sent)
        .filter(|&number| !seen[number as usize])
        .collect()
}

#[test]
fn nothing_is_lost() {
    without_hanging(|| assert_eq!(lost(false), []));
}

/// The test above would see it.
#[test]
fn much_is_lost_where_nothing_comes_back() {
    without_hanging(|| assert!(!lost(true).is_empty()));
}

/// A context that goes takes no value with it.
#[test]
fn the_context_of_the_handler_goes() {
    let inbox = Inbox::new(*SystemExecutor);
    let home = IoContext::new().unwrap();
    let handler = |_: u32| panic!("nobody runs the context");
    inbox.async_receive(async_op::bind_executor(home.executor(), handler));
    inbox.send(1);
    assert_eq!(inbox.state.lock().unwrap().numbers.len(), 0);
    drop(home);
    assert_eq!(inbox.receive().blocking(), 1);
}

/// An `Option` of where it is, so to speak: received or back, never both.
#[test]
fn received_it_does_not_come_back() {
    let back = Arc::new(AtomicUsize::new(0));
    let value = |n: u32| {
        let back = back.clone();
        Returnable::new(n, move |_| {
            back.fetch_add(1, Ordering::SeqCst);
        })
    };
    assert_eq!(value(1).receive(), 1);
    assert_eq!(back.load(Ordering::SeqCst), 0);
    drop(value(2));
    assert_eq!(back.load(Ordering::SeqCst), 1);
}
