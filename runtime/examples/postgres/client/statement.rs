//! Statements that are prepared, and what a session has been told.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bytes::BytesMut;
use postgres_protocol::message::frontend::{self, BindError};

use super::channels::check;
use super::protocol::lock;
use super::rows::Columns;
use super::value::Parameter;

/// A query that is prepared, on each session that has been asked it. They forget it when the
/// last clone of this is dropped.
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
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<()>;

    #[doc(hidden)]
    fn statement(&self) -> Option<&Statement> {
        None
    }
}

impl Query for str {
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<()> {
        check(self)?;
        frontend::parse("", self, [], out)?;
        bind("", values, out)?;
        frontend::describe(b'P', "", out)?;
        frontend::execute("", 0, out)?;
        frontend::sync(out);
        Ok(())
    }
}

impl Query for Statement {
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<()> {
        bind(&self.registration.name, values, out)?;
        frontend::execute("", 0, out)?;
        frontend::sync(out);
        Ok(())
    }

    fn statement(&self) -> Option<&Statement> {
        Some(self)
    }
}

impl<Q: Query + ?Sized> Query for &Q {
    fn write(&self, values: &[&dyn Parameter], out: &mut BytesMut) -> io::Result<()> {
        (**self).write(values, out)
    }

    fn statement(&self) -> Option<&Statement> {
        (**self).statement()
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

/// A statement, and who has been told of it.
#[derive(Debug)]
pub(super) struct Registration {
    number: u64,
    /// Of no other statement, on any session.
    name: String,
    text: String,
    sessions: Mutex<Vec<Weak<Mutex<Told>>>>,
}

impl Registration {
    pub(super) fn new(text: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            number,
            name: format!("s{number}"),
            text: text.to_owned(),
            sessions: Mutex::default(),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let sessions = self.sessions.get_mut().unwrap_or_else(|it| it.into_inner());
        for session in sessions.iter().filter_map(Weak::upgrade) {
            let mut told = lock(&session);
            told.statements.remove(&self.number);
            told.closed.push(self.name.clone());
        }
    }
}

/// What one session has been told: of one connection, whose requests and replies have it in
/// common.
#[derive(Clone, Debug, Default)]
pub(super) struct Session(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// What those return that it has, by their numbers. As it has said itself: the tables may
    /// have changed since another was told.
    statements: HashMap<u64, Columns>,
    /// The names of those that it is to forget, with the next request.
    closed: Vec<String>,
}

impl Session {
    /// Writes what the session has to be told before it is asked: without an answer of its own,
    /// as a part of the request that follows. Returns what the statement returns, if the session
    /// has it.
    pub(super) fn write(
        &self,
        statement: Option<&Registration>,
        out: &mut Vec<u8>,
    ) -> io::Result<Option<Columns>> {
        let mut told = lock(&self.0);
        let columns = statement.and_then(|it| told.statements.get(&it.number).cloned());
        let missing = statement.filter(|_| columns.is_none());
        if missing.is_none() && told.closed.is_empty() {
            return Ok(columns);
        }
        let mut bytes = BytesMut::new();
        for name in &told.closed {
            frontend::close(b'S', name, &mut bytes)?;
        }
        if let Some(Registration { name, text, .. }) = missing {
            // Each request brings it along until the session says that it has it: in a
            // transaction that has failed it takes none.
            frontend::close(b'S', name, &mut bytes)?;
            frontend::parse(name, text, [], &mut bytes)?;
            frontend::describe(b'S', name, &mut bytes)?;
        }
        told.closed.clear();
        out.extend_from_slice(&bytes);
        Ok(columns)
    }

    /// The session has it now.
    pub(super) fn enter(&self, statement: &Registration, columns: Columns) {
        let last = lock(&self.0).statements.insert(statement.number, columns);
        if last.is_none() {
            let this = Arc::downgrade(&self.0);
            let mut sessions = lock(&statement.sessions);
            sessions.retain(|it| it.strong_count() > 0 && !it.ptr_eq(&this));
            sessions.push(this);
        }
    }

    /// The session does not have it, or cannot use it any more: it is told anew.
    pub(super) fn forget(&self, statement: &Registration) {
        lock(&self.0).statements.remove(&statement.number);
    }

    /// The session has none.
    pub(super) fn forget_all(&self) {
        lock(&self.0).statements.clear();
    }
}
