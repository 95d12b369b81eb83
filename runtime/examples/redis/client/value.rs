use std::fmt;
use std::io;

use async_op::cancel::OperationError;
use async_op::net::pipeline::PipelineError;

/// What the server answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: there is no such key, say.
    Null,
    /// `OK`, the answer to most commands that change something.
    Ok,
    /// Another short text, such as `PONG`.
    Status(String),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Bytes(Vec<u8>),
    /// An array, or a set.
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// What the server sends by itself.
    Push(Vec<Self>),
    /// An error inside an array: of one command of a transaction.
    Error(String),
}

/// Why a request has failed.
#[derive(Debug)]
pub enum Error {
    /// The connection; or the request was cancelled, or ran out of time.
    Io(io::Error),
    /// The server refuses.
    Server(String),
    /// The server sends what is no RESP. The connection is closed.
    Protocol(&'static str),
    /// The answer is of another type than the command's.
    Unexpected(&'static str),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What cannot be asked.
    pub(super) fn refused(text: &'static str) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, text).into()
    }

    /// Returns the error of the system, if it is one.
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

/// Makes `cancel_after` work: what is cancelled by the clock has timed out.
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
            Self::Server(message) => Self::Server(message.clone()),
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
            Self::Server(message) => write!(f, "the server says: {message}"),
            Self::Protocol(what) => write!(f, "the server does not speak RESP: {what}"),
            Self::Unexpected(what) => write!(f, "the answer is not {what}"),
        }
    }
}

impl std::error::Error for Error {}

/// What typed commands make of their answers.
impl Value {
    /// An answer that says no more than that all is well.
    pub fn done(self) -> Result<()> {
        match self {
            Self::Ok | Self::Status(_) => Ok(()),
            _ => Err(Error::Unexpected("a status")),
        }
    }

    pub fn integer(self) -> Result<i64> {
        match self {
            Self::Integer(n) => Ok(n),
            _ => Err(Error::Unexpected("an integer")),
        }
    }

    pub fn bytes(self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Bytes(bytes) => Ok(Some(bytes)),
            Self::Null => Ok(None),
            _ => Err(Error::Unexpected("a string")),
        }
    }

    pub fn array(self) -> Result<Vec<Self>> {
        match self {
            Self::Array(items) | Self::Push(items) => Ok(items),
            _ => Err(Error::Unexpected("an array")),
        }
    }

    pub fn list(self) -> Result<Vec<Vec<u8>>> {
        let items = self.array()?.into_iter();
        items
            .map(|item| {
                item.bytes()?
                    .ok_or(Error::Unexpected("an array of strings"))
            })
            .collect()
    }

    /// A map; RESP2 sends it as an array of keys and values in turn.
    pub fn map(self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let flat = match self {
            Self::Map(pairs) => Self::Array(pairs.into_iter().flat_map(<[_; 2]>::from).collect()),
            other => other,
        };
        let mut items = flat.list()?.into_iter();
        let mut pairs = Vec::with_capacity(items.len() / 2);
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            pairs.push((key, value));
        }
        Ok(pairs)
    }
}
