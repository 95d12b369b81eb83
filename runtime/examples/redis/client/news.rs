//! What the server says by itself, among the replies.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::Interest;
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

/// What is known of the channels that a connection listens to.
pub(super) struct Subscriptions {
    /// How many there are, by the last word of the server: channels and patterns, and
    /// those of shards.
    channels: i64,
    shards: i64,
    interest: Arc<Interest>,
}

impl Subscriptions {
    pub(super) fn new(interest: &Arc<Interest>) -> Self {
        Self {
            channels: 0,
            shards: 0,
            interest: interest.clone(),
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
        let last = match &kind[..] {
            b"ssubscribe" | b"sunsubscribe" => mem::replace(&mut self.shards, *count),
            _ => mem::replace(&mut self.channels, *count),
        };
        let more = *count - last;
        self.interest.channels.fetch_add(more, Ordering::SeqCst);
        true
    }

    /// Returns whether messages may come. In RESP2 they are arrays like any other, but
    /// for this: what was asked for before, or comes after the last channel, is none.
    pub(super) fn are_in_force(&self) -> bool {
        self.channels + self.shards > 0
    }
}

/// They are gone with their connection.
impl Drop for Subscriptions {
    fn drop(&mut self) {
        let last = self.channels + self.shards;
        self.interest.channels.fetch_sub(last, Ordering::SeqCst);
    }
}
