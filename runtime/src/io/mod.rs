//! Operations made of several reads and writes, on any stream.

mod stream;

pub use stream::{AsyncReadStream, AsyncWriteStream};
