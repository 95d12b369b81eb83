//! Reading RESP, versions 2 and 3: first find where a reply ends, then decode it
//! at once. Nothing is read twice, however small the pieces are that arrive.

use std::str;

use async_op::net::pipeline::Input;

use super::value::{Error, Result, Value};

/// A line of a reply is not longer; what is long comes with its length.
const LONGEST_LINE: usize = 64 * 1024;
/// Nor is anything nested deeper.
const DEEPEST: usize = 32;

/// Finds the end of a reply; goes on where it stopped when there is more.
pub(super) struct Scanner {
    at: usize,
    /// Elements still to come: one, and those of the arrays among them.
    left: usize,
    /// The reply has at least so many bytes.
    needed: usize,
    /// How many elements all arrays have.
    elements: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            at: 0,
            left: 1,
            needed: 0,
            elements: 0,
        }
    }
}

impl Scanner {
    /// Takes the next reply out of `input`, if all of it is here.
    pub(super) fn next(&mut self, input: &mut Input, limit: usize) -> Result<Option<Value>> {
        let bytes = input.bytes();
        let (value, len) = match self.single(bytes, limit)? {
            Some(single) => single,
            None => {
                let Some(len) = self.scan(bytes, limit)? else {
                    input.expect(self.needed);
                    return Ok(None);
                };
                let rest = &bytes[..len];
                let value = Decoder { rest }.value(0)?;
                *self = Self::default();
                (value, len)
            }
        };
        input.consume(len);
        Ok(Some(value))
    }

    /// Decodes what most replies are, without a second look at it: not an array,
    /// and all here at once.
    fn single(&self, bytes: &[u8], limit: usize) -> Result<Option<(Value, usize)>> {
        if self.at > 0 || self.needed > 0 {
            return Ok(None);
        }
        let Some((kind, line, next)) = line(bytes, 0)? else {
            return Ok(None);
        };
        let (value, end) = match kind {
            b'+' | b'-' | b':' => (Decoder { rest: &[] }.value_of(kind, line, 0)?, next),
            b'$' => match length(line)? {
                None => (Value::Null, next),
                Some(len) => {
                    let end = next.saturating_add(len).saturating_add(2);
                    self.limited(end, limit)?;
                    match bytes.get(next..end) {
                        Some([string @ .., b'\r', b'\n']) => (Value::Bytes(string.to_vec()), end),
                        _ => return Ok(None),
                    }
                }
            },
            _ => return Ok(None),
        };
        self.limited(end, limit)?;
        Ok(Some((value, end)))
    }

    fn scan(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>> {
        while self.left > 0 {
            let Some((kind, line, next)) = line(bytes, self.at)? else {
                return Ok(None);
            };
            let mut end = next;
            match kind {
                b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' => self.left -= 1,
                b'$' | b'=' | b'!' => {
                    if let Some(len) = length(line)? {
                        end = next.saturating_add(len).saturating_add(2);
                        self.limited(end, limit)?;
                        match bytes.get(end - 2..end) {
                            Some(b"\r\n") => {}
                            Some(_) => return Err(Error::Protocol("a string without its end")),
                            None => {
                                self.needed = end;
                                return Ok(None);
                            }
                        }
                    }
                    self.left -= 1;
                }
                b'*' | b'~' | b'>' | b'%' | b'|' => {
                    let len = length(line)?.unwrap_or(0);
                    let elements = match kind {
                        b'%' => len.saturating_mul(2),
                        // An attribute comes before what it belongs to.
                        b'|' => len.saturating_mul(2).saturating_add(1),
                        _ => len,
                    };
                    self.left = (self.left - 1).saturating_add(elements);
                    // Decoded, the smallest of them is ten times what it was.
                    self.elements = self.elements.saturating_add(elements);
                    let size = self.elements.saturating_mul(size_of::<Value>());
                    self.limited(size, limit)?;
                }
                _ => return Err(Error::Protocol("a reply of an unknown kind")),
            }
            self.at = end;
            self.limited(self.at, limit)?;
        }
        Ok(Some(self.at))
    }

    fn limited(&self, len: usize, limit: usize) -> Result<()> {
        if len > limit {
            return Err(Error::Protocol("a reply that is too long"));
        }
        Ok(())
    }
}

/// Returns what the line at `at` begins with, the rest of it, and where the next
/// one begins.
fn line(bytes: &[u8], at: usize) -> Result<Option<(u8, &[u8], usize)>> {
    let Some((&kind, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else {
        return Ok(None);
    };
    let limit = rest.len().min(LONGEST_LINE);
    let Some(end) = rest[..limit].iter().position(|&byte| byte == b'\r') else {
        if limit == LONGEST_LINE {
            return Err(Error::Protocol("a line without an end"));
        }
        // So that what is no RESP is not waited for.
        return match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' | b'$' | b'=' | b'!' | b'*' | b'~'
            | b'>' | b'%' | b'|' => Ok(None),
            _ => Err(Error::Protocol("a reply of an unknown kind")),
        };
    };
    match rest.get(end + 1) {
        Some(b'\n') => Ok(Some((kind, &rest[..end], at + end + 3))),
        Some(_) => Err(Error::Protocol("a line with half an end")),
        None => Ok(None),
    }
}

/// Returns a length; `None` for -1, which is the null of RESP2.
fn length(line: &[u8]) -> Result<Option<usize>> {
    if line == b"-1" {
        return Ok(None);
    }
    // Not `parse`: a length has no sign.
    let digits = line.iter().try_fold(0usize, |n, byte| {
        let digit = byte.wrapping_sub(b'0');
        let n = (digit < 10).then(|| n.checked_mul(10)).flatten()?;
        n.checked_add(usize::from(digit))
    });
    match digits {
        Some(len) if !line.is_empty() => Ok(Some(len)),
        _ => Err(Error::Protocol("a length that is no number")),
    }
}

fn parsed<T: str::FromStr>(line: &[u8]) -> Result<T> {
    let text = str::from_utf8(line).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or(Error::Protocol("a number that is none"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const CUT: Error = Error::Protocol("a reply that is cut off");

/// Decodes what the scanner has seen to the end of.
struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return Err(Error::Protocol("a reply nested too deeply"));
        }
        let (kind, line, next) = line(self.rest, 0)?.ok_or(CUT)?;
        self.rest = &self.rest[next..];
        self.value_of(kind, line, depth)
    }

    /// Decodes the value whose first line this is.
    fn value_of(&mut self, kind: u8, line: &[u8], depth: usize) -> Result<Value> {
        Ok(match kind {
            b'+' if line == b"OK" => Value::Ok,
            b'+' => Value::Status(text(line)),
            b'-' => Value::Error(text(line)),
            b':' => Value::Integer(parsed(line)?),
            b',' => Value::Double(parsed(line)?),
            b'#' => Value::Boolean(line == b"t"),
            b'_' => Value::Null,
            b'(' => Value::Bytes(line.to_vec()),
            b'*' | b'~' | b'>' | b'%' if line == b"-1" => Value::Null,
            b'*' | b'~' => Value::Array(self.values(line, depth)?),
            b'>' => Value::Push(self.values(line, depth)?),
            b'%' => Value::Map(self.many(line, |this| {
                Ok((this.value(depth + 1)?, this.value(depth + 1)?))
            })?),
            b'|' => {
                self.many(line, |this| {
                    this.value(depth + 1)?;
                    this.value(depth + 1)
                })?;
                self.value(depth + 1)?
            }
            b'$' | b'=' | b'!' => match length(line)? {
                None => Value::Null,
                Some(len) => {
                    let bytes = self.rest.get(..len).ok_or(CUT)?;
                    self.rest = &self.rest[len + 2..];
                    match kind {
                        b'!' => Value::Error(text(bytes)),
                        // Without its format, `txt:`.
                        b'=' => Value::Bytes(bytes.get(4..).unwrap_or(bytes).to_vec()),
                        _ => Value::Bytes(bytes.to_vec()),
                    }
                }
            },
            _ => return Err(Error::Protocol("a reply of an unknown kind")),
        })
    }

    fn values(&mut self, line: &[u8], depth: usize) -> Result<Vec<Value>> {
        self.many(line, |this| this.value(depth + 1))
    }

    fn many<T>(&mut self, line: &[u8], next: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let len = length(line)?.unwrap_or(0);
        // As many as there can be.
        let mut items = Vec::with_capacity(len.min(self.rest.len()));
        for _ in 0..len {
            items.push(next(self)?);
        }
        Ok(items)
    }
}
