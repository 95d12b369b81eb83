//! Values as text.

use std::fmt::Write;
use std::str::{self, FromStr};

use bytes::BytesMut;
use postgres_protocol::IsNull;

/// What a `$1` of a query stands for.
pub trait Parameter: Sync {
    /// Adds it as the text that the server takes for a value.
    fn write(&self, out: &mut BytesMut) -> IsNull;
}

/// What a column of a row is read as.
pub trait FromText: Sized {
    /// Reads it from the text of the server, `None` for null; returns `None` if it is
    /// something else.
    fn from_text(text: Option<&[u8]>) -> Option<Self>;
}

macro_rules! displayed {
    ($($type:ty)*) => {$(
        impl Parameter for $type {
            fn write(&self, out: &mut BytesMut) -> IsNull {
                // Never fails: the buffer grows.
                let _ = write!(out, "{self}");
                IsNull::No
            }
        }

        impl FromText for $type {
            fn from_text(text: Option<&[u8]>) -> Option<Self> {
                str::from_utf8(text?).ok().and_then(|text| FromStr::from_str(text).ok())
            }
        }
    )*};
}

displayed!(i16 i32 i64 u32 f32 f64);

impl Parameter for bool {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        out.extend_from_slice(if *self { b"t" } else { b"f" });
        IsNull::No
    }
}

impl FromText for bool {
    fn from_text(text: Option<&[u8]>) -> Option<Self> {
        match text? {
            b"t" => Some(true),
            b"f" => Some(false),
            _ => None,
        }
    }
}

impl Parameter for str {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        out.extend_from_slice(self.as_bytes());
        IsNull::No
    }
}

impl Parameter for String {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        self.as_str().write(out)
    }
}

impl FromText for String {
    fn from_text(text: Option<&[u8]>) -> Option<Self> {
        str::from_utf8(text?).ok().map(str::to_owned)
    }
}

/// Bytes are `bytea`, whose text is hexadecimal.
impl Parameter for [u8] {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        out.extend_from_slice(b"\\x");
        for byte in self {
            let digits = b"0123456789abcdef";
            let pair = [
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ];
            out.extend_from_slice(&pair);
        }
        IsNull::No
    }
}

impl Parameter for Vec<u8> {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        self.as_slice().write(out)
    }
}

impl FromText for Vec<u8> {
    fn from_text(text: Option<&[u8]>) -> Option<Self> {
        let digits = text?.strip_prefix(b"\\x")?;
        let pairs = digits.chunks(2).map(|pair| {
            if pair.len() < 2 {
                return None;
            }
            let pair = str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        pairs.collect()
    }
}

impl<T: Parameter + ?Sized> Parameter for &T {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        (**self).write(out)
    }
}

impl<T: Parameter> Parameter for Option<T> {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        match self {
            Some(value) => value.write(out),
            None => IsNull::Yes,
        }
    }
}

impl<T: FromText> FromText for Option<T> {
    fn from_text(text: Option<&[u8]>) -> Option<Self> {
        match text {
            Some(text) => T::from_text(Some(text)).map(Some),
            None => Some(None),
        }
    }
}
