//! What a session has been told, and a new one has to be told again.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use postgres_protocol::escape::escape_identifier;
use postgres_protocol::message::frontend::{self, BindError};

use super::protocol::lock;
use super::rows::Columns;
use super::value::Parameter;

/// A query that the server has prepared. It forgets it when the last clone of this is dropped.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) registration: Arc<Registration>,
    pub(super) columns: Columns,
}

impl Statement {
    pub fn columns(&self) -> &Columns {
        &self.columns
    }
}

/// What can be asked: a text, which is parsed each time, or a [`Statement`].
pub trait Query {
    #[doc(hidden)]
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<Option<Columns>>;
}

impl Query for str {
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<Option<Columns>> {
        frontend::parse("", self, [], out)?;
        bind("", values, out)?;
        frontend::describe(b'P', "", out)?;
        frontend::execute("", 0, out)?;
        frontend::sync(out);
        Ok(None)
    }
}

impl Query for Statement {
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<Option<Columns>> {
        bind(&self.registration.name, values, out)?;
        frontend::execute("", 0, out)?;
        frontend::sync(out);
        Ok(Some(self.columns.clone()))
    }
}

impl<Q: Query + ?Sized> Query for &Q {
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<Option<Columns>> {
        (**self).write(values, out)
    }
}

fn bind(name: &str, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<()> {
    let values = values.iter();
    let result = frontend::bind("", name, [], values, |it, out| Ok(it.write(out)), [], out);
    result.map_err(|error| match error {
        BindError::Serialization(error) => error,
        BindError::Conversion(error) => io::Error::other(error),
    })
}

/// The place of a statement among those that its session has.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) name: String,
    text: String,
    registry: Arc<Registry>,
    is_entered: AtomicBool,
}

impl Registration {
    pub(super) fn new(registry: &Arc<Registry>, text: &str) -> Self {
        let number = registry.next.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("s{number}"),
            text: text.to_owned(),
            registry: registry.clone(),
            is_entered: AtomicBool::new(false),
        }
    }

    pub(super) fn write(&self, out: &mut BytesMut) -> io::Result<()> {
        write_parse(&self.name, &self.text, out)?;
        frontend::describe(b'S', &self.name, out)?;
        frontend::sync(out);
        Ok(())
    }

    /// The session has it now.
    pub(super) fn enter(&self) {
        self.is_entered.store(true, Ordering::Relaxed);
        let mut known = lock(&self.registry.known);
        known
            .statements
            .push((self.name.clone(), self.text.clone()));
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if *self.is_entered.get_mut() {
            let mut known = lock(&self.registry.known);
            known.statements.retain(|(name, _)| *name != self.name);
            known.closed.push(std::mem::take(&mut self.name));
            self.registry.has_closed.store(true, Ordering::Relaxed);
        }
    }
}

/// What a session has been told.
#[derive(Debug, Default)]
pub(super) struct Registry {
    next: AtomicUsize,
    channels: AtomicUsize,
    has_closed: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    statements: Vec<(String, String)>,
    /// Statements that are to be forgotten, with the next request.
    closed: Vec<String>,
    channels: Vec<String>,
}

impl Registry {
    pub(super) fn listens(&self) -> bool {
        self.channels.load(Ordering::Relaxed) > 0
    }

    pub(super) fn listen(&self, channel: &str) {
        self.forget(channel);
        let mut known = lock(&self.known);
        known.channels.push(channel.to_owned());
        self.channels.store(known.channels.len(), Ordering::Relaxed);
    }

    pub(super) fn forget(&self, channel: &str) {
        let mut known = lock(&self.known);
        known.channels.retain(|it| it != channel);
        self.channels.store(known.channels.len(), Ordering::Relaxed);
    }

    /// Has the server forget what nobody has any more: without an answer of its own, as a
    /// part of the request that follows.
    pub(super) fn write_closed(&self, out: &mut Vec<u8>) -> io::Result<()> {
        if !self.has_closed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let mut bytes = BytesMut::new();
        for name in lock(&self.known).closed.drain(..) {
            frontend::close(b'S', &name, &mut bytes)?;
        }
        out.extend_from_slice(&bytes);
        Ok(())
    }

    /// Tells a new session all; returns how many replies there will be.
    pub(super) fn write_all(&self, out: &mut BytesMut) -> io::Result<usize> {
        let known = lock(&self.known);
        for (name, text) in &known.statements {
            // Each by itself: one that fails takes no other with it.
            write_parse(name, text, out)?;
            frontend::sync(out);
        }
        for channel in &known.channels {
            frontend::query(&listen(channel), out)?;
        }
        Ok(known.statements.len() + known.channels.len())
    }
}

pub(super) fn listen(channel: &str) -> String {
    format!("listen {}", escape_identifier(channel))
}

fn write_parse(name: &str, text: &str, out: &mut BytesMut) -> io::Result<()> {
    frontend::parse(name, text, [], out)
}
