use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;

use async_op::io::{read, transfer_all, write_all};
use async_op::net::pipeline::Pipeline;
use async_op::{Initiation, IoExecutor, IoObject, async_op};
use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::channels::{Change, check, listen, unlisten};
use super::config::Config;
use super::copy::{CopyIn, CopyOut, RowStream};
use super::error::{Error, Result};
use super::protocol::{Notification, Plan, Postgres, Request, lock};
use super::rows::Rows;
use super::statement::{Query, Registration, Statement};
use super::stream;
use super::value::Parameter;

/// A client: a handle of one session, which any number of callers share. It connects when
/// there is something to ask.
///
/// What several callers ask is carried out in the order in which they ask. So a transaction
/// is one's own only on a session of one's own, as a [`Pool`](super::Pool) has them.
#[derive(Clone)]
pub struct Client {
    pipeline: Pipeline<Postgres>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Client");
        debug.field("pipeline", &self.pipeline).finish()
    }
}

impl IoObject for Client {
    type Executor = IoExecutor;

    fn executor(&self) -> IoExecutor {
        self.pipeline.executor()
    }
}

impl Client {
    pub fn new(executor: &IoExecutor, config: Config) -> Self {
        Self {
            pipeline: Pipeline::new(executor, Postgres::new(config)),
        }
    }

    pub fn config(&self) -> &Config {
        &self.pipeline.protocol().config
    }

    pub fn is_connected(&self) -> bool {
        self.pipeline.is_connected()
    }

    /// Returns whether the session is in a transaction, as far as it has answered.
    pub fn is_in_transaction(&self) -> bool {
        self.pipeline.protocol().is_in_transaction()
    }

    /// Returns whether all has been answered that was asked.
    pub(super) fn is_settled(&self) -> bool {
        self.pipeline.protocol().is_settled()
    }

    /// Closes the connection: all who wait are cancelled.
    pub fn close(&self) {
        self.pipeline.close();
    }

    /// Completes with the rows that a statement returns, of which the values are `$1`, ..
    #[async_op]
    pub fn async_query<Q: Query + ?Sized>(
        &self,
        query: &Q,
        values: &[&dyn Parameter],
    ) -> impl Initiation<fn(Result<Rows>)> {
        let reply = self.pipeline.request(self.ask(query, values, false));
        reply.map(|reply| Ok(reply?.rows))
    }

    /// Completes with how many rows a statement has changed.
    #[async_op]
    pub fn async_execute<Q: Query + ?Sized>(
        &self,
        query: &Q,
        values: &[&dyn Parameter],
    ) -> impl Initiation<fn(Result<u64>)> {
        let reply = self.pipeline.request(self.ask(query, values, false));
        reply.map(|reply| Ok(reply?.rows.affected))
    }

    /// Carries out statements without values; completes with the rows of the last that has
    /// any.
    #[async_op]
    pub fn async_batch(&self, text: &str) -> impl Initiation<fn(Result<Rows>)> {
        let reply = self.pipeline.request(self.simple(text, Plan::default()));
        reply.map(|reply| Ok(reply?.rows))
    }

    /// Ends a transaction, and fails where it has failed before.
    #[async_op]
    pub fn async_end_transaction(&self) -> impl Initiation<fn(Result<()>)> {
        let reply = self
            .pipeline
            .request(self.simple("commit", Plan::default()));
        reply.map(|reply| match reply?.is_rolled_back {
            true => Err(Error::Unexpected("a commit, but a rollback")),
            false => Ok(()),
        })
    }

    /// Has the server parse and plan a statement, once for many uses: on any session, which is
    /// told of it when it first needs it.
    #[async_op]
    pub fn async_prepare(&self, text: &str) -> impl Initiation<fn(Result<Statement>)> {
        let registration = Arc::new(Registration::new(text));
        let request = self.request(|out| {
            check(text)?;
            // What it is told of a statement that it does not have is all.
            frontend::sync(out);
            Ok(Plan {
                statement: Some(registration.clone()),
                ..Plan::default()
            })
        });
        self.pipeline.request(request).map(|reply| {
            Ok(Statement {
                registration,
                columns: reply?.rows.columns,
            })
        })
    }

    /// The same as [`query`](Self::query), for rows that one takes one by one.
    pub fn stream<Q: Query + ?Sized>(
        &self,
        query: &Q,
        values: &[&dyn Parameter],
    ) -> Result<RowStream> {
        let exchange = self.pipeline.open(self.ask(query, values, true))?;
        Ok(RowStream { exchange })
    }

    /// Carries out a `COPY .. TO STDOUT`.
    pub fn copy_out(&self, text: &str) -> Result<CopyOut> {
        let plan = Plan {
            is_in_parts: true,
            ..Plan::default()
        };
        let exchange = self.pipeline.open(self.simple(text, plan))?;
        Ok(CopyOut { exchange })
    }

    /// Carries out a `COPY .. FROM STDIN`. What others ask meanwhile waits until it is
    /// finished, or given up.
    pub fn copy_in(&self, text: &str) -> Result<CopyIn> {
        let plan = Plan {
            is_upload: true,
            ..Plan::default()
        };
        let exchange = self.pipeline.open(self.simple(text, plan))?;
        Ok(CopyIn::new(exchange))
    }

    /// Has notifications of a channel come to [`next_notification`](Self::next_notification); in
    /// a transaction, when that is committed.
    ///
    /// As a statement it is refused: each new session has to be told of it.
    #[async_op]
    pub fn async_listen(&self, channel: &str) -> impl Initiation<fn(Result<()>)> {
        let reply = self.pipeline.request(self.change(channel, true));
        reply.map(|reply| reply.map(drop))
    }

    #[async_op]
    pub fn async_unlisten(&self, channel: &str) -> impl Initiation<fn(Result<()>)> {
        let reply = self.pipeline.request(self.change(channel, false));
        reply.map(|reply| reply.map(drop))
    }

    /// Completes with the next notification; with [`NotConnected`](std::io::ErrorKind::NotConnected) where no channel
    /// is listened to. None is lost, whatever becomes of the future.
    #[async_op]
    pub fn async_next_notification(&self) -> impl Initiation<fn(Result<Notification>)> {
        self.pipeline.next_message()
    }

    /// Asks the server, by a connection of its own, to give up what it does for this session.
    /// Which request that is nobody knows, nor whether it comes in time.
    #[async_op]
    pub async fn async_cancel_query(&self) -> Result<()> {
        let key = *lock(&self.pipeline.protocol().key);
        let Some((process, secret)) = key else {
            return Ok(());
        };
        let stream::Connected { stream, .. } =
            stream::connect(&self.executor(), self.config()).await?;
        let mut out = BytesMut::new();
        frontend::cancel_request(process, secret, &mut out);
        write_all(&stream, &out[..]).await?;
        // It says nothing, and ends when it has passed that on.
        let ended = read(&stream, &mut [0][..], transfer_all()).await;
        match ended.result {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn ask<Q: Query + ?Sized>(
        &self,
        query: &Q,
        values: &[&dyn Parameter],
        is_in_parts: bool,
    ) -> Request {
        self.request(|out| {
            query.write(values, out)?;
            let statement = query.statement();
            Ok(Plan {
                statement: statement.map(|it| it.registration.clone()),
                is_in_parts,
                is_extended: true,
                ..Plan::default()
            })
        })
    }

    fn simple(&self, text: &str, plan: Plan) -> Request {
        self.request(|out| {
            check(text)?;
            frontend::query(text, out)?;
            Ok(plan)
        })
    }

    fn change(&self, channel: &str, listens: bool) -> Request {
        let channels = &self.pipeline.protocol().channels;
        let plan = Plan {
            change: Some(Change::new(channels, channel, listens)),
            ..Plan::default()
        };
        let text = if listens {
            listen(channel)
        } else {
            unlisten(channel)
        };
        self.request(|out| {
            frontend::query(&text, out)?;
            Ok(plan)
        })
    }

    fn request(&self, write: impl FnOnce(&mut BytesMut) -> std::io::Result<Plan>) -> Request {
        let mut bytes = self.pipeline.protocol().buffer();
        match write(&mut bytes) {
            Ok(plan) => Request::Messages(bytes, plan),
            Err(error) => Request::Flawed(error.into()),
        }
    }
}
