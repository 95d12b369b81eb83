//! What the server says by itself, among the replies.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::value::Value;

/// A message of a channel that has been subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub channel: Vec<u8>,
    pub payload: Vec<u8>,
}

pub(super) enum News {
    Reply(Value),
    Message(Message),
    /// Such as that a key has changed which this client caches: nobody asked.
    Other,
}

/// Tells what the server says by itself from what it has been asked for; whether
/// that may be `in_arrays`, too, and whether the next reply `is_about_channels`.
pub(super) fn news(value: Value, in_arrays: bool, is_about_channels: bool) -> News {
    let is_push = matches!(value, Value::Push(_));
    let (Value::Push(items) | Value::Array(items)) = &value else {
        return News::Reply(value);
    };
    if !is_push && !in_arrays {
        return News::Reply(value);
    }
    let Some(Value::Bytes(kind)) = items.first() else {
        return News::Reply(value);
    };
    let from = match &kind[..] {
        b"message" | b"smessage" => 1,
        b"pmessage" => 2,
        kind if kind.ends_with(b"subscribe") && is_about_channels => return News::Reply(value),
        _ if is_push => return News::Other,
        _ => return News::Reply(value),
    };
    let (Value::Push(items) | Value::Array(items)) = value else {
        unreachable!("just matched")
    };
    let mut items = items.into_iter().skip(from);
    match (items.next(), items.next()) {
        (Some(Value::Bytes(channel)), Some(Value::Bytes(payload))) => {
            News::Message(Message { channel, payload })
        }
        _ => News::Other,
    }
}

/// A share in how much there is that messages could come of, which goes with this.
#[derive(Default)]
pub(super) struct Interest {
    all: Arc<AtomicI64>,
    own: i64,
}

impl Interest {
    /// Returns another share.
    pub(super) fn in_more(&self, own: i64) -> Self {
        let all = self.all.clone();
        let mut more = Self { all, own: 0 };
        more.set(own);
        more
    }

    fn set(&mut self, own: i64) {
        let last = mem::replace(&mut self.own, own);
        self.all.fetch_add(own - last, Ordering::SeqCst);
    }

    pub(super) fn is_any(&self) -> bool {
        self.all.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// How many channels a connection listens to, by the last word of the server.
pub(super) struct Subscriptions {
    /// With patterns.
    channels: Interest,
    /// Those of shards.
    shards: Interest,
}

impl Subscriptions {
    pub(super) fn new(interest: &Interest) -> Self {
        Self {
            channels: interest.in_more(0),
            shards: interest.in_more(0),
        }
    }

    /// Notes what the server answers to a request about channels; returns whether that
    /// is about one of them. If not, it is about all.
    pub(super) fn note(&mut self, reply: &Value) -> bool {
        let (Value::Push(items) | Value::Array(items)) = reply else {
            return false;
        };
        let [Value::Bytes(kind), _, Value::Integer(count)] = &items[..] else {
            return false;
        };
        match &kind[..] {
            b"ssubscribe" | b"sunsubscribe" => self.shards.set(*count),
            _ => self.channels.set(*count),
        }
        true
    }

    /// Returns whether messages may come. In RESP2 they are arrays like any other, but
    /// for this: what was asked for before, or comes after the last channel, is none.
    pub(super) fn are_in_force(&self) -> bool {
        self.channels.own + self.shards.own > 0
    }
}
