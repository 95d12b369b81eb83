//! The commands, one line each: what is sent, and what becomes of the reply.

use async_op::{Initiation, async_op};

use super::command::Command;
use super::connection::Client;
use super::value::{Error, Result, Value};
use crate::command;

type Bytes = Vec<u8>;

impl Client {
    #[async_op]
    pub fn async_ping(&self) -> impl Initiation<fn(Result<()>)> {
        self.request(command!["PING"]).map(|reply| reply?.done())
    }

    #[async_op]
    pub fn async_get(&self, key: &str) -> impl Initiation<fn(Result<Option<Bytes>>)> {
        self.request(command!["GET", key])
            .map(|reply| reply?.bytes())
    }

    #[async_op]
    pub fn async_set(&self, key: &str, value: &[u8]) -> impl Initiation<fn(Result<()>)> {
        self.request(command!["SET", key, value])
            .map(|reply| reply?.done())
    }

    /// Removes keys; completes with how many there were.
    #[async_op]
    pub fn async_del(&self, keys: &[&str]) -> impl Initiation<fn(Result<i64>)> {
        self.request(Command::new("DEL").args(keys.iter().copied()))
            .map(|reply| reply?.integer())
    }

    #[async_op]
    pub fn async_incr(&self, key: &str) -> impl Initiation<fn(Result<i64>)> {
        self.request(command!["INCR", key])
            .map(|reply| reply?.integer())
    }

    /// Adds to the end of a list; completes with its length.
    #[async_op]
    pub fn async_rpush(&self, key: &str, value: &[u8]) -> impl Initiation<fn(Result<i64>)> {
        self.request(command!["RPUSH", key, value])
            .map(|reply| reply?.integer())
    }

    #[async_op]
    pub fn async_lpop(&self, key: &str) -> impl Initiation<fn(Result<Option<Bytes>>)> {
        self.request(command!["LPOP", key])
            .map(|reply| reply?.bytes())
    }

    /// Elements of a list, from `first` to `last`; negative ones count from the end.
    #[async_op]
    pub fn async_lrange(
        &self,
        key: &str,
        first: i64,
        last: i64,
    ) -> impl Initiation<fn(Result<Vec<Bytes>>)> {
        self.request(command!["LRANGE", key, first, last])
            .map(|reply| reply?.list())
    }

    /// Sets a field of a hash; completes with whether it is new.
    #[async_op]
    pub fn async_hset(
        &self,
        key: &str,
        field: &str,
        value: &[u8],
    ) -> impl Initiation<fn(Result<bool>)> {
        self.request(command!["HSET", key, field, value])
            .map(|reply| Ok(reply?.integer()? == 1))
    }

    #[async_op]
    pub fn async_hget(&self, key: &str, field: &str) -> impl Initiation<fn(Result<Option<Bytes>>)> {
        self.request(command!["HGET", key, field])
            .map(|reply| reply?.bytes())
    }

    #[async_op]
    pub fn async_hgetall(&self, key: &str) -> impl Initiation<fn(Result<Vec<(Bytes, Bytes)>>)> {
        self.request(command!["HGETALL", key])
            .map(|reply| reply?.map())
    }

    /// Sends all of `commands` at once; completes with their replies, of which some may
    /// be errors. Others' commands do not come in between, on this connection.
    #[async_op]
    pub fn async_pipeline(&self, commands: &[Command]) -> impl Initiation<fn(Result<Vec<Value>>)> {
        self.request(Command::all(commands))
            .map(|reply| reply?.array())
    }

    /// Carries out all of `commands` or none, with nothing in between; completes
    /// with their replies, or with `None` where somebody has changed a key that this
    /// connection watches. Where the server does not permit `MULTI`, that is the error,
    /// and they have been carried out one by one.
    #[async_op]
    pub fn async_transaction(
        &self,
        commands: &[Command],
    ) -> impl Initiation<fn(Result<Option<Vec<Value>>>)> {
        let count = commands.len();
        self.request(Command::transaction(commands))
            .map(move |reply| match reply? {
                Value::Null => Ok(None),
                Value::Array(replies) if replies.len() == count => Ok(Some(replies)),
                _ => Err(Error::Unexpected("a reply for each command")),
            })
    }

    #[async_op]
    pub fn async_publish(&self, channel: &str, payload: &[u8]) -> impl Initiation<fn(Result<i64>)> {
        self.request(command!["PUBLISH", channel, payload])
            .map(|reply| reply?.integer())
    }

    /// Subscribes to a channel, whose messages `next_message` completes with.
    ///
    /// In RESP2 a connection that has subscribed serves nothing else.
    #[async_op]
    pub fn async_subscribe(&self, channel: &str) -> impl Initiation<fn(Result<()>)> {
        self.request(command!["SUBSCRIBE", channel])
            .map(|reply| reply?.array().map(drop))
    }

    /// Subscribes to all channels whose name is like `pattern`.
    #[async_op]
    pub fn async_psubscribe(&self, pattern: &str) -> impl Initiation<fn(Result<()>)> {
        self.request(command!["PSUBSCRIBE", pattern])
            .map(|reply| reply?.array().map(drop))
    }

    #[async_op]
    pub fn async_unsubscribe(&self, channel: &str) -> impl Initiation<fn(Result<()>)> {
        self.request(command!["UNSUBSCRIBE", channel])
            .map(|reply| reply?.array().map(drop))
    }
}
