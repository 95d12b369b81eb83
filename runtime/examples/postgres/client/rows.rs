//! Rows, as they come: one buffer for all of a reply.

use std::sync::Arc;

use super::error::{Error, Result};
use super::value::FromText;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// The number of its type in the server.
    pub type_oid: u32,
}

/// Shared by all rows of a statement.
pub type Columns = Arc<[Column]>;

/// The rows that a query has returned.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(super) columns: Columns,
    /// Each with its length in front of it.
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
    pub(super) affected: u64,
}

/// One row: of [`Rows`], or by itself.
#[derive(Clone, Debug)]
pub struct Row<B = Vec<u8>> {
    columns: Columns,
    body: B,
}

/// How a column is named: by its place or its name.
pub trait At {
    fn place(&self, columns: &[Column]) -> Option<usize>;
}

impl At for usize {
    fn place(&self, columns: &[Column]) -> Option<usize> {
        (*self < columns.len()).then_some(*self)
    }
}

impl At for &str {
    fn place(&self, columns: &[Column]) -> Option<usize> {
        columns.iter().position(|column| column.name == *self)
    }
}

impl Rows {
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns how many rows the statement has changed, or returned.
    pub fn affected(&self) -> u64 {
        self.affected
    }

    pub fn iter(&self) -> impl Iterator<Item = Row<&[u8]>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (len, more) = rest.split_first_chunk::<4>()?;
            let (body, more) = more.split_at(u32::from_ne_bytes(*len) as usize);
            rest = more;
            let columns = self.columns.clone();
            Some(Row { columns, body })
        })
    }

    /// Returns the one row that there is.
    pub fn one(&self) -> Result<Row<&[u8]>> {
        match (self.iter().next(), self.count) {
            (Some(row), 1) => Ok(row),
            _ => Err(Error::Unexpected("one row")),
        }
    }

    /// Adds a row as it has come; a checked one, so that it can be read later.
    pub(super) fn push(&mut self, body: &[u8]) {
        self.bytes.reserve(4 + body.len());
        // Far below, as no message is as long.
        self.bytes
            .extend_from_slice(&(body.len() as u32).to_ne_bytes());
        self.bytes.extend_from_slice(body);
        self.count += 1;
    }
}

impl<B: AsRef<[u8]>> Row<B> {
    pub(super) fn new(columns: Columns, body: B) -> Self {
        Self { columns, body }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the value of a column.
    pub fn get<T: FromText>(&self, column: impl At) -> Result<T> {
        let place = column.place(&self.columns);
        let place = place.ok_or(Error::Unexpected("a row with such a column"))?;
        let text = self.text(place)?;
        T::from_text(text).ok_or(Error::Unexpected("of the type that is asked for"))
    }

    /// Returns the texts of all columns; `None` for null.
    pub fn texts(&self) -> impl Iterator<Item = Option<&[u8]>> {
        fields(self.body.as_ref())
    }

    /// Returns the text of a column; `None` for null.
    fn text(&self, place: usize) -> Result<Option<&[u8]>> {
        let fields = fields(self.body.as_ref());
        let field = fields.nth(place);
        field.ok_or(Error::Unexpected("a row with such a column"))
    }
}

/// The fields of a row that has been checked.
fn fields(body: &[u8]) -> Fields<'_> {
    Fields(body.get(2..).unwrap_or_default())
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn nth(mut self, place: usize) -> Option<Option<&'a [u8]>> {
        for _ in 0..place {
            self.next()?;
        }
        self.next()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.0.split_first_chunk::<4>()?;
        let Ok(len) = usize::try_from(i32::from_be_bytes(*len)) else {
            self.0 = rest;
            return Some(None);
        };
        let (field, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some(Some(field))
    }
}

/// Returns whether a row has the fields that it says it has, so many of them.
pub(super) fn is_whole(body: &[u8], columns: usize) -> bool {
    let Some((count, _)) = body.split_first_chunk::<2>() else {
        return false;
    };
    let mut fields = fields(body);
    let count = usize::from(u16::from_be_bytes(*count));
    count == columns && fields.by_ref().take(count).count() == count && fields.0.is_empty()
}
