//! What comes, or goes, in parts.

use async_op::net::pipeline::Exchange;
use async_op::{Initiation, async_op};

use super::error::{Error, Result};
use super::protocol::{Part, Postgres, Request};
use super::rows::Row;

/// Rows that come one by one. Dropped, the others go to nobody.
pub struct RowStream {
    pub(super) exchange: Exchange<Postgres>,
}

impl RowStream {
    /// Completes with the next row. None is lost, whatever becomes of the future.
    #[async_op]
    pub fn async_next(&self) -> impl Initiation<fn(Result<Option<Row>>)> {
        self.exchange.next_part().map(|part| match part? {
            Some(Part::Row(row)) => Ok(Some(row)),
            Some(Part::Data(_)) => Err(Error::Unexpected("a row")),
            None => Ok(None),
        })
    }
}

/// What a `COPY .. TO STDOUT` says.
pub struct CopyOut {
    pub(super) exchange: Exchange<Postgres>,
}

impl CopyOut {
    /// Completes with the next piece: a row of the copy. None is lost.
    #[async_op]
    pub fn async_next(&self) -> impl Initiation<fn(Result<Option<Vec<u8>>>)> {
        self.exchange.next_part().map(|part| match part? {
            Some(Part::Data(data)) => Ok(Some(data)),
            Some(Part::Row(_)) => Err(Error::Unexpected("a copy")),
            None => Ok(None),
        })
    }
}

/// A `COPY .. FROM STDIN` that is under way. Dropped before it is finished, it is given up,
/// and nothing is copied.
pub struct CopyIn {
    exchange: Exchange<Postgres>,
    is_open: bool,
}

impl CopyIn {
    pub(super) fn new(exchange: Exchange<Postgres>) -> Self {
        Self {
            exchange,
            is_open: true,
        }
    }

    /// Sends some bytes; completes when the stream has taken them.
    #[async_op]
    pub fn async_send(&self, data: Vec<u8>) -> impl Initiation<fn(Result<()>)> {
        self.exchange.send(Request::Data(data))
    }

    /// Completes with how many rows have been copied.
    #[async_op]
    pub fn async_finish(mut self) -> impl Initiation<fn(Result<u64>)> {
        self.is_open = false;
        let said = self.exchange.finish(Request::Done);
        self.exchange.reply().map(move |reply| {
            // Keeps it open until there is an answer.
            let _this = &self;
            let reply = reply?;
            said?;
            match reply.has_copied {
                true => Ok(reply.rows.affected),
                false => Err(Error::Unexpected("that to a COPY .. FROM STDIN")),
            }
        })
    }
}

impl Drop for CopyIn {
    fn drop(&mut self) {
        if self.is_open {
            // Or the connection is at its end, and this with it.
            let _ = self.exchange.finish(Request::GivenUp);
        }
    }
}
