use std::fmt;
use std::io;

use async_op::cancel::OperationError;
use async_op::net::pipeline::PipelineError;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

/// Why a request has failed.
#[derive(Debug)]
pub enum Error {
    /// The connection; or the request was cancelled, or ran out of time.
    Io(io::Error),
    /// The server refuses. Whether it goes on depends on its [severity](ServerError::severity).
    Server(Box<ServerError>),
    /// The server says what it may not. The connection is at its end.
    Protocol(&'static str),
    /// What has come is not what was asked for: a type, a column, a row.
    Unexpected(&'static str),
}

pub type Result<T> = std::result::Result<T, Error>;

/// What the server says of an error.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerError {
    /// `ERROR`, after which the session goes on; else `FATAL` or `PANIC`.
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub constraint: Option<String>,
}

impl ServerError {
    pub(super) fn read(mut fields: ErrorFields<'_>) -> io::Result<Self> {
        let mut error = Self::default();
        while let Some(field) = fields.next()? {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                // That which is not translated, where there is one.
                b'V' => error.severity = value,
                b'S' if error.severity.is_empty() => error.severity = value,
                b'C' => error.code = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                b'n' => error.constraint = Some(value),
                _ => {}
            }
        }
        Ok(error)
    }

    /// Returns whether the session goes on.
    pub fn is_recoverable(&self) -> bool {
        self.severity == "ERROR"
    }
}

impl Error {
    /// Returns the SQLSTATE, if the server has said one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Server(error) => Some(&error.code),
            _ => None,
        }
    }

    pub fn as_io(&self) -> Option<&io::Error> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }

    pub fn is_timeout(&self) -> bool {
        self.as_io().is_some_and(async_op::is_timeout)
    }
}

impl OperationError for Error {
    fn is_cancelled(&self) -> bool {
        self.as_io().is_some_and(async_op::is_cancelled)
    }

    fn into_timed_out(self) -> Self {
        Self::Io(io::ErrorKind::TimedOut.into())
    }
}

impl PipelineError for Error {
    fn again(&self) -> Self {
        match self {
            Self::Io(error) => Self::Io(error.again()),
            Self::Server(error) => Self::Server(error.clone()),
            Self::Protocol(what) => Self::Protocol(what),
            Self::Unexpected(what) => Self::Unexpected(what),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Server(error) => {
                write!(f, "{}: {} ({})", error.severity, error.message, error.code)
            }
            Self::Protocol(what) => write!(f, "the server does not speak its protocol: {what}"),
            Self::Unexpected(what) => write!(f, "the answer is not {what}"),
        }
    }
}

impl std::error::Error for Error {}
