//! An object whose functions without token have a token of its own.

use std::marker::PhantomData;

use async_op::{
    Blocking, Completion, Deferred, Detached, Initiation, IoObject, SystemExecutor, UseFuture,
    async_op,
};

struct Client<Token = Deferred> {
    executor: SystemExecutor,
    _token: PhantomData<fn() -> Token>,
}

impl Client {
    fn new() -> Self {
        Self { executor: SystemExecutor, _token: PhantomData }
    }
}

impl<Token> Clone for Client<Token> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<Token> IoObject for Client<Token> {
    type Executor = SystemExecutor;
    fn executor(&self) -> SystemExecutor {
        self.executor
    }
}

impl<Token> Client<Token> {
    fn with_default_token<T>(self) -> Client<T> {
        Client { executor: self.executor, _token: PhantomData }
    }

    #[async_op(default_token = Token)]
    async fn async_get(&self, key: &str) -> usize {
        key.len()
    }

    #[async_op(default_token = Token)]
    async fn async_fill<'a>(&self, buffer: &'a mut [u8]) -> usize {
        buffer.fill(7);
        buffer.len()
    }

    #[async_op(default_token = Token, default = lengths)]
    fn async_both<K: AsRef<str> + Send>(&self, a: K, b: K, op: Completion<fn(usize, usize)>) {
        op.complete(a.as_ref().len(), b.as_ref().len());
    }
}

impl<Token: Send + 'static> Client<Token> {
    #[async_op(default_token = Token)]
    fn async_is_long(&self, key: &str) -> impl Initiation<fn(bool)> {
        self.clone().with_default_token::<Deferred>().get(key).map(|len| len > 3)
    }
}

trait Lookup {
    type Token;

    #[async_op(default_token = Self::Token)]
    async fn async_look_up(&self, key: &str) -> usize;
}

impl<Token> Lookup for Client<Token> {
    type Token = Token;

    #[async_op(implements)]
    async fn async_look_up(&self, key: &str) -> usize {
        key.len()
    }
}

/// A token of the user's: twice blocking.
#[derive(Default)]
struct Tracked;

impl<'op, S: async_op::Signature + 'static> async_op::CompletionToken<'op, S> for Tracked
where
    S::Args: Send + 'static,
    S::Output: Send + 'static,
{
    type Return<I: Initiation<S> + 'op> = Vec<S::Output>;

    fn initiate<I: Initiation<S> + 'op>(self, initiation: I) -> Vec<S::Output> {
        vec![Blocking.initiate(initiation)]
    }
}

fn main() {
    let deferred: Client = Client::new();
    assert_eq!(deferred.get("key").blocking(), 3);
    deferred.get("key").callback(|len| assert_eq!(len, 3));
    assert_eq!(deferred.look_up("key").blocking(), 3);

    let blocking = deferred.clone().with_default_token::<Blocking>();
    let len: usize = blocking.get("key");
    assert_eq!((len, blocking.lengths("a", "bc")), (3, (1, 2)));
    assert_eq!(blocking.fill(&mut [0; 4]), 4);
    assert!(blocking.is_long("long") && blocking.look_up("key") == 3);
    // The other function takes any token still.
    blocking.async_get("key", Detached);

    let future = deferred.clone().with_default_token::<UseFuture>();
    assert_eq!(async_op::spawn(&SystemExecutor, async move { future.get("key").await }, Blocking), 3);
    deferred.clone().with_default_token::<Detached>().get("key");
    assert_eq!(deferred.with_default_token::<Tracked>().get("key"), [3]);
}
