//! Sessions of which each is for one at a time.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_op::sync::{Permit, Semaphore};
use async_op::{Initiation, IoExecutor, IoObject, async_op};

use super::config::Config;
use super::error::{Error, Result};
use super::handle::Client;
use super::protocol::lock;

/// So many sessions at the most. A handle.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    executor: IoExecutor,
    config: Config,
    permits: Semaphore,
    /// The one that was used last is used next.
    idle: Mutex<Vec<Client>>,
    limit: Duration,
}

impl IoObject for Pool {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.shared.executor
    }
}

impl Pool {
    /// Makes a pool of up to `size` sessions, for one of which nobody waits longer than
    /// `limit`.
    pub fn new(executor: &IoExecutor, mut config: Config, size: usize, limit: Duration) -> Self {
        // What one has begun on a session must not go on on another.
        config.reconnects = false;
        let shared = Shared {
            executor: *executor,
            config,
            permits: Semaphore::new(executor, size),
            idle: Mutex::default(),
            limit,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Returns how many sessions nobody uses, and that are there.
    pub fn idle(&self) -> usize {
        lock(&self.shared.idle).len()
    }

    /// Completes with a session that is one's own until it is dropped.
    ///
    /// Fails with a [timeout](Error::is_timeout) where none is free for so long.
    #[async_op]
    pub async fn async_get(&self) -> Result<Pooled> {
        let Shared { permits, limit, .. } = &*self.shared;
        let permit = permits.acquire().cancel_after(*limit).await?;
        let mut idle = lock(&self.shared.idle);
        // One that has failed meanwhile has been closed.
        idle.retain(Client::is_connected);
        let client = idle.pop();
        drop(idle);
        let new = || Client::new(&self.shared.executor, self.shared.config.clone());
        Ok(Pooled {
            client: client.unwrap_or_else(new),
            pool: self.shared.clone(),
            _permit: permit,
        })
    }

    /// Begins a transaction, on a session of its own.
    #[async_op]
    pub async fn async_begin(&self) -> Result<Transaction> {
        let session = self.get().await?;
        // Rolled back also if this is given up before the answer.
        let transaction = Transaction {
            session,
            is_open: true,
        };
        transaction.batch("begin").await?;
        Ok(transaction)
    }
}

/// A session of a pool, which gets it back when this is dropped.
pub struct Pooled {
    client: Client,
    pool: Arc<Shared>,
    _permit: Permit,
}

impl Deref for Pooled {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if self.client.is_connected() {
            // Or may be, by what has not been answered yet.
            if self.client.is_in_transaction() || !self.client.is_settled() {
                self.client.batch("rollback").detach();
            }
            lock(&self.pool.idle).push(self.client.clone());
        }
    }
}

/// A transaction, which is rolled back if this is dropped.
pub struct Transaction {
    session: Pooled,
    is_open: bool,
}

impl Deref for Transaction {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.session
    }
}

impl Transaction {
    /// Fails also where a statement has failed before: then it is rolled back.
    #[async_op]
    pub fn async_commit(mut self) -> impl Initiation<fn(Result<()>)> {
        self.is_open = false;
        let reply = self.session.end_transaction();
        reply.map(move |reply| {
            drop(self);
            reply
        })
    }

    #[async_op]
    pub fn async_rollback(mut self) -> impl Initiation<fn(Result<()>)> {
        self.is_open = false;
        let reply = self.session.batch("rollback");
        reply.map(move |reply| {
            drop(self);
            reply.map(drop)
        })
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            // Before whatever the next one asks of this session.
            self.session.batch("rollback").detach();
        }
    }
}
