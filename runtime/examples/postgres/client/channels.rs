//! What a client listens to: each of its sessions is told in greeting.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use postgres_protocol::escape::escape_identifier;
use postgres_protocol::message::frontend;

use super::protocol::lock;

#[derive(Debug, Default)]
pub(super) struct Channels {
    count: AtomicUsize,
    all: Mutex<Vec<Channel>>,
}

#[derive(Debug)]
struct Channel {
    name: String,
    /// The session has said that it listens to it.
    is_heard: bool,
}

impl Channels {
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn edit(&self, edit: impl FnOnce(&mut Vec<Channel>)) {
        let mut all = lock(&self.all);
        edit(&mut all);
        self.count.store(all.len(), Ordering::Relaxed);
    }

    fn add(&self, name: &str, is_heard: bool) {
        self.edit(|all| match all.iter_mut().find(|it| it.name == name) {
            Some(channel) => channel.is_heard |= is_heard,
            None => all.push(Channel {
                name: name.to_owned(),
                is_heard,
            }),
        });
    }

    /// The session listens to none any more. What it is asked for after that has no answer yet.
    pub(super) fn forget_all(&self) {
        self.edit(|all| all.retain(|it| !it.is_heard));
    }

    /// Tells a new session all; returns how many replies there will be.
    pub(super) fn write_all(&self, out: &mut BytesMut) -> io::Result<usize> {
        let all = lock(&self.all);
        for channel in &*all {
            frontend::query(&listen(&channel.name), out)?;
        }
        Ok(all.len())
    }
}

/// A channel that the session is to listen to, or not to listen to any more. Until it has, it is
/// not sure: it may fail, with its connection, too, or be rolled back.
pub(super) struct Change {
    channels: Arc<Channels>,
    name: String,
    listens: bool,
}

impl Change {
    pub(super) fn new(channels: &Arc<Channels>, name: &str, listens: bool) -> Self {
        Self {
            channels: channels.clone(),
            name: name.to_owned(),
            listens,
        }
    }

    /// The session is asked for it.
    pub(super) fn begin(&self) {
        let name = &self.name;
        match self.listens {
            true => self.channels.add(name, false),
            false => self.channels.edit(|all| all.retain(|it| it.name != *name)),
        }
    }

    /// The session has done it; or else it is as it was.
    pub(super) fn end(self, is_done: bool) {
        if is_done == self.listens {
            self.channels.add(&self.name, true);
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if self.listens {
            let is_it = |it: &Channel| it.name == self.name && !it.is_heard;
            self.channels.edit(|all| all.retain(|it| !is_it(it)));
        }
    }
}

pub(super) fn listen(channel: &str) -> String {
    format!("listen {}", escape_identifier(channel))
}

pub(super) fn unlisten(channel: &str) -> String {
    format!("unlisten {}", escape_identifier(channel))
}

/// Refuses what changes the channels behind the client's back.
pub(super) fn check(text: &str) -> io::Result<()> {
    let is_part = |c: char| c.is_ascii_alphabetic();
    let first = text.trim_start().split(|c| !is_part(c)).next();
    let is_it = |word: &str| first.is_some_and(|first| first.eq_ignore_ascii_case(word));
    if is_it("listen") || is_it("unlisten") {
        return Err(unknown());
    }
    Ok(())
}

pub(super) fn unknown() -> io::Error {
    let text = "a client has to know its channels: use its own `listen` and `unlisten`";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
