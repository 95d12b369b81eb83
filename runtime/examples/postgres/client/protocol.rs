//! What PostgreSQL says over a pipeline: all replies in order, each up to its `ReadyForQuery`.

use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use async_op::IoExecutor;
use async_op::net::AnyStream;
use async_op::net::pipeline::{self, Event, Expect, Failure, Id, Input, Limits, Protocol};
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::channels::{Change, Channels, unknown};
use super::config::Config;
use super::error::{Error, Result, ServerError};
use super::rows::{Column, Columns, Row, Rows, is_whole};
use super::statement::{Registration, Session};
use super::stream;

/// So many buffers are kept, none of them larger.
const SPARE: usize = 64;
const SPARE_SIZE: usize = 64 << 10;

/// What somebody says to all who listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub channel: String,
    pub payload: String,
    /// The process of the server that serves the one who says it.
    pub process: i32,
}

pub(super) struct Postgres {
    pub(super) config: Config,
    /// What a new session listens to.
    pub(super) channels: Arc<Channels>,
    /// By what this session is known to others, who may cancel what it does.
    pub(super) key: Mutex<Option<(i32, i32)>>,
    /// Whether the session is in a transaction, as it has said last.
    status: AtomicU8,
    /// How much has been asked of the session, and not been answered.
    unanswered: AtomicUsize,
    spare: Mutex<Vec<BytesMut>>,
}

impl Postgres {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            channels: Arc::default(),
            key: Mutex::default(),
            status: AtomicU8::new(b'I'),
            unanswered: AtomicUsize::new(0),
            spare: Mutex::default(),
        }
    }

    /// Returns a buffer to write a request into.
    pub(super) fn buffer(&self) -> BytesMut {
        lock(&self.spare).pop().unwrap_or_default()
    }

    fn keep(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut spare = lock(&self.spare);
        if buffer.capacity() <= SPARE_SIZE && spare.len() < SPARE {
            spare.push(buffer);
        }
    }

    pub(super) fn note_status(&self, status: u8) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        self.status.load(Ordering::Relaxed) != b'I'
    }

    pub(super) fn is_settled(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) == 0
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing that panics is done under these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) enum Request {
    /// Messages, up to one that is answered by `ReadyForQuery`.
    Messages(BytesMut, Plan),
    /// Of a copy.
    Data(Vec<u8>),
    Done,
    GivenUp,
    /// It could not be written.
    Flawed(Error),
}

/// What to make of the reply.
#[derive(Default)]
pub(super) struct Plan {
    /// Known beforehand of a statement that the session has.
    pub(super) columns: Option<Columns>,
    pub(super) is_in_parts: bool,
    pub(super) is_upload: bool,
    /// Asked by messages that end with a sync.
    pub(super) is_extended: bool,
    /// The session has to have it.
    pub(super) statement: Option<Arc<Registration>>,
    pub(super) change: Option<Change>,
}

#[derive(Default)]
pub(super) struct Reply {
    pub(super) rows: Rows,
    pub(super) has_copied: bool,
    /// What was to be committed was not.
    pub(super) is_rolled_back: bool,
}

pub(super) enum Part {
    Row(Row),
    Data(Vec<u8>),
}

/// A request, and what has come of its reply.
pub(super) struct Pending {
    plan: Plan,
    reply: Reply,
    error: Option<Error>,
}

impl Pending {
    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    fn columns(&self) -> Option<&Columns> {
        self.plan.columns.as_ref()
    }

    /// Reads what `CommandComplete` says: a name, and how many rows.
    fn complete(&mut self, body: &[u8]) {
        let tag = body.strip_suffix(&[0]).unwrap_or(body);
        self.reply.is_rolled_back = tag == b"ROLLBACK";
        let count = tag.rsplit(|&byte| byte == b' ').next();
        let count = count.and_then(|count| str::from_utf8(count).ok()?.parse().ok());
        self.reply.rows.affected = count.unwrap_or(0);
    }

    fn end(&mut self) -> Result<Reply> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut reply = std::mem::take(&mut self.reply);
        if let Some(columns) = self.plan.columns.take() {
            reply.rows.columns = columns;
        }
        Ok(reply)
    }
}

/// What is known of a session by what it has said.
#[derive(Default)]
pub(super) struct Decoder {
    session: Session,
    /// What it has changed in a transaction that goes on.
    changes: Vec<Change>,
}

impl Decoder {
    /// Notes the end of a reply: what becomes of a change, and of those before it.
    fn note(&mut self, change: Option<Change>, is_done: bool, status: u8, is_rolled_back: bool) {
        match change {
            Some(change) if is_done => self.changes.push(change),
            Some(change) => change.end(false),
            None => {}
        }
        if status == b'I' {
            let changes = self.changes.drain(..);
            changes.for_each(|change| change.end(is_done && !is_rolled_back));
        }
    }
}

impl Protocol for Postgres {
    type Stream = AnyStream;
    type Request = Request;
    type Reply = Reply;
    type Part = Part;
    type Message = Notification;
    type Error = Error;
    type Pending = Pending;
    type Decoder = Decoder;
    type Encoder = Session;

    async fn connect(
        &self,
        executor: &IoExecutor,
        input: &mut Input,
    ) -> Result<(AnyStream, Decoder)> {
        let connected = stream::connect(executor, &self.config).await?;
        self.greet(&connected, input).await?;
        self.unanswered.store(0, Ordering::Relaxed);
        Ok((connected.stream, Decoder::default()))
    }

    fn encoder(&self, decoder: &mut Decoder) -> Session {
        decoder.session.clone()
    }

    fn encode(
        &self,
        session: &mut Session,
        request: Request,
        _: Id,
        out: &mut Vec<u8>,
    ) -> Result<Expect<Self>> {
        let (bytes, mut plan) = match request {
            Request::Messages(bytes, plan) => (bytes, plan),
            Request::Flawed(error) => return Err(error),
            Request::Data(_) | Request::Done | Request::GivenUp => return Err(no_copy()),
        };
        plan.columns = session.write(plan.statement.as_deref(), out)?;
        out.extend_from_slice(&bytes);
        self.keep(bytes);
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        if let Some(change) = &plan.change {
            change.begin();
        }
        let is_upload = plan.is_upload;
        let pending = Pending {
            plan,
            reply: Reply::default(),
            error: None,
        };
        Ok(match is_upload {
            true => Expect::Upload(pending),
            false => Expect::InOrder(pending),
        })
    }

    fn encode_more(&self, request: Request, _: Id, out: &mut Vec<u8>) -> Result<()> {
        let mut bytes = self.buffer();
        match request {
            Request::Data(data) => frontend::CopyData::new(&data[..])?.write(&mut bytes),
            Request::Done => frontend::copy_done(&mut bytes),
            Request::GivenUp => frontend::copy_fail("given up", &mut bytes)?,
            Request::Messages(..) | Request::Flawed(_) => return Err(no_copy()),
        }
        out.extend_from_slice(&bytes);
        self.keep(bytes);
        Ok(())
    }

    fn decode(
        &self,
        decoder: &mut Decoder,
        input: &mut Input,
        requests: &mut pipeline::Session<'_, Self>,
    ) -> Result<Option<Event<Self>>> {
        let session = &decoder.session;
        while let Some(message) = next_message(input, self.config.longest_message)? {
            let (tag, body) = (message[0], &message[5..]);
            match tag {
                b'A' => return notification(message).map(|it| Some(Event::Message(it))),
                b'S' if is_other_encoding(body) => {
                    return Err(Error::Protocol("text that is not in UTF-8"));
                }
                // Notices, and other parameters of the session.
                b'N' | b'S' => continue,
                _ => {}
            }
            let Some(front) = requests.front() else {
                // Before it goes, it may say why.
                return Err(match tag {
                    b'E' => server_error(message)?,
                    _ => self.failure(Failure::Unasked),
                });
            };
            match tag {
                b'D' => {
                    let columns = front.columns().ok_or(NO_FORM)?;
                    if !is_whole(body, columns.len()) {
                        return Err(NO_FORM);
                    }
                    if front.plan.is_in_parts {
                        let row = Row::new(columns.clone(), body.to_vec());
                        return Ok(Some(Event::Part(Part::Row(row))));
                    }
                    front.reply.rows.push(body);
                }
                b'd' if front.plan.is_in_parts => {
                    return Ok(Some(Event::Part(Part::Data(body.to_vec()))));
                }
                b'C' => {
                    front.complete(body);
                    match body {
                        b"DEALLOCATE ALL\0" => session.forget_all(),
                        b"DISCARD ALL\0" => {
                            session.forget_all();
                            self.channels.forget_all();
                        }
                        b"LISTEN\0" | b"UNLISTEN\0" if front.plan.change.is_none() => {
                            front.fail(unknown().into());
                        }
                        _ => {}
                    }
                }
                b'Z' => {
                    let status = *body.first().ok_or(NO_FORM)?;
                    self.note_status(status);
                    self.unanswered.fetch_sub(1, Ordering::Relaxed);
                    let is_rolled_back = front.reply.is_rolled_back;
                    let change = front.plan.change.take();
                    let reply = front.end();
                    decoder.note(change, reply.is_ok(), status, is_rolled_back);
                    return Ok(Some(Event::Reply(reply)));
                }
                b'E' => match server_error(message)? {
                    Error::Server(error) if error.is_recoverable() => {
                        if let Some(statement) = &front.plan.statement {
                            // There is none of that name, or its tables have changed.
                            if matches!(&*error.code, "26000" | "0A000") {
                                session.forget(statement);
                            }
                        }
                        front.fail(Error::Server(error));
                    }
                    error => return Err(error),
                },
                b'T' => {
                    // Of several statements the last one counts.
                    front.reply.rows = Rows::default();
                    let columns = columns(message)?;
                    if let Some(statement) = &front.plan.statement {
                        session.enter(statement, columns.clone());
                    }
                    front.plan.columns = Some(columns);
                }
                b'n' => {
                    if let Some(statement) = &front.plan.statement {
                        session.enter(statement, Columns::default());
                    }
                }
                b'H' if front.plan.is_in_parts => front.reply.has_copied = true,
                b'H' => front.fail(Error::Unexpected("rows, but a copy")),
                b'G' if front.plan.is_upload => front.reply.has_copied = true,
                b'G' => {
                    let mut refusal = BytesMut::new();
                    frontend::copy_fail("nothing is copied", &mut refusal)?;
                    if front.plan.is_extended {
                        // The one that was said with it has been passed over.
                        frontend::sync(&mut refusal);
                    }
                    requests.write(&refusal);
                }
                // Parsed, bound, closed; parameters, an empty query, copied.
                b'1' | b'2' | b'3' | b't' | b'I' | b'c' | b'd' => {}
                _ => return Err(Error::Protocol("a message of an unknown kind")),
            }
        }
        Ok(None)
    }

    fn expects_messages(&self) -> bool {
        !self.channels.is_empty()
    }

    fn reconnects(&self) -> bool {
        self.config.reconnects
    }

    fn failure(&self, failure: Failure) -> Error {
        match failure {
            Failure::Unasked => Error::Protocol("a reply that nobody has asked for"),
            failure => Error::Io(failure.into()),
        }
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.silence = self.config.silence;
        limits
    }
}

const NO_FORM: Error = Error::Protocol("a message of no good form");

/// Takes a whole message: its kind, four bytes of length, and the rest.
pub(super) fn next_message(input: &mut Input, most: usize) -> Result<Option<&[u8]>> {
    let Some(header) = input.bytes().first_chunk::<5>() else {
        input.expect(5);
        return Ok(None);
    };
    let len = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
    if len < 4 {
        return Err(NO_FORM);
    }
    if len > most {
        return Err(Error::Protocol("a message that is too long"));
    }
    Ok(input.take(1 + len))
}

/// The text of all else would be read for what it is not.
fn is_other_encoding(parameter: &[u8]) -> bool {
    let encoding = parameter.strip_prefix(b"client_encoding\0");
    encoding.is_some_and(|encoding| encoding != b"UTF8\0")
}

/// Reads a message that does not come often.
pub(super) fn read(message: &[u8]) -> Result<Message> {
    let message = Message::parse(&mut BytesMut::from(message)).map_err(|_| NO_FORM)?;
    message.ok_or(NO_FORM)
}

pub(super) fn server_error(message: &[u8]) -> Result<Error> {
    match read(message)? {
        Message::ErrorResponse(error) => {
            let error = ServerError::read(error.fields()).map_err(|_| NO_FORM)?;
            Ok(Error::Server(Box::new(error)))
        }
        _ => Err(NO_FORM),
    }
}

fn notification(message: &[u8]) -> Result<Notification> {
    let Message::NotificationResponse(said) = read(message)? else {
        return Err(NO_FORM);
    };
    Ok(Notification {
        channel: said.channel().map_err(|_| NO_FORM)?.to_owned(),
        payload: said.message().map_err(|_| NO_FORM)?.to_owned(),
        process: said.process_id(),
    })
}

fn columns(message: &[u8]) -> Result<Columns> {
    let Message::RowDescription(description) = read(message)? else {
        return Err(NO_FORM);
    };
    let columns = description.fields().map(|field| {
        Ok(Column {
            name: field.name().to_owned(),
            type_oid: field.type_oid(),
        })
    });
    let columns: Vec<Column> = columns.collect().map_err(|_| NO_FORM)?;
    Ok(columns.into())
}

fn no_copy() -> Error {
    let text = "only a copy has further parts";
    std::io::Error::new(std::io::ErrorKind::InvalidInput, text).into()
}
