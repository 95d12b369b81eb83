//! A downloader for HTTP/1.1: with progress, a limit on the time of each step,
//! and a clear error when the server is slow, lies, or breaks off.
//!
//! Run it with `cargo run --release --example download -- http://127.0.0.1:8000/file`
//! for a file, which goes to the standard output; without an address it downloads
//! from a server of its own, good and bad, checks what happens, and exits.

use std::fmt;
use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use async_op::io::{DynamicBuffer, read_until, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::time::sleep;
use async_op::{Blocking, IoContext, IoExecutor, IoObject, async_op, is_timeout, spawn};

/// No step, connecting or reading a piece, may take longer.
const LIMIT: Duration = Duration::from_secs(1);

/// What has been asked for.
#[derive(Clone, Debug)]
struct Url {
    host: String,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self {
            host: host.to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }

    /// The system's function blocks; with the feature `resolver` there is one
    /// that does not.
    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let host = match self.host.contains(':') {
            true => self.host.clone(),
            false => format!("{}:80", self.host),
        };
        Ok(host.to_socket_addrs()?.collect())
    }
}

#[derive(Debug)]
enum Error {
    Io(io::Error),
    /// Nothing has come for as long as `LIMIT`.
    Slow {
        received: usize,
    },
    /// The server has broken off.
    Short {
        received: usize,
        expected: usize,
    },
    Protocol(&'static str),
    Status(String),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match is_timeout(&error) {
            true => Self::Slow { received: 0 },
            false => Self::Io(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Slow { received } => write!(f, "too slow, after {received} bytes"),
            Self::Short { received, expected } => {
                write!(f, "{received} of {expected} bytes, and no more")
            }
            Self::Protocol(what) => write!(f, "not HTTP: {what}"),
            Self::Status(line) => write!(f, "the server says {line}"),
        }
    }
}

/// Downloads a file; `progress` is told what there is, and out of how much.
#[async_op]
async fn async_download(
    executor: &IoExecutor,
    url: Url,
    addresses: Vec<SocketAddr>,
    mut progress: impl FnMut(usize, usize) + Send,
) -> Result<Vec<u8>, Error> {
    let connect = TcpStream::connect_any(executor, addresses);
    let (stream, _) = connect.cancel_after(LIMIT).await?;
    let Url { host, path } = url;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    write_all(&stream, request).cancel_after(LIMIT).await.0?;

    let mut buffer = Vec::new();
    let head = read_until(&stream, (&mut buffer).at_most(8192), "\r\n\r\n");
    let end = head.cancel_after(LIMIT).await?;
    let length = content_length(&buffer[..end])?;
    // What has come with the head is the beginning of the body.
    buffer.drain(..end);
    let mut received = buffer.len();
    buffer.resize(length.max(received), 0);
    while received < length {
        progress(received, length);
        let piece = stream.read_some(&mut buffer[received..]);
        match piece.cancel_after(LIMIT).await {
            Ok(0) => {
                return Err(Error::Short {
                    received,
                    expected: length,
                });
            }
            Ok(n) => received += n,
            Err(error) if is_timeout(&error) => return Err(Error::Slow { received }),
            Err(error) => return Err(error.into()),
        }
    }
    progress(received, length);
    buffer.truncate(length);
    Ok(buffer)
}

fn content_length(head: &[u8]) -> Result<usize, Error> {
    let head = std::str::from_utf8(head).map_err(|_| Error::Protocol("the head is no text"))?;
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => {}
        Some(_) => return Err(Error::Status(status.to_owned())),
        None => return Err(Error::Protocol("there is no status")),
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim())
    });
    let length = length.ok_or(Error::Protocol("the length is not given"))?;
    length
        .parse()
        .map_err(|_| Error::Protocol("the length is no number"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = IoContext::new()?;
    match std::env::args().nth(1) {
        Some(text) => {
            let url = Url::parse(&text).ok_or("an address that begins with http://, please")?;
            let addresses = url.addresses()?;
            let file = async_download(&context, url, addresses, show, Blocking);
            io::stdout().write_all(&file.map_err(|error| error.to_string())?)?;
        }
        None => check(&context)?,
    }
    Ok(())
}

fn show(received: usize, length: usize) {
    eprint!("\r{:3} % of {length} bytes", received * 100 / length.max(1));
}

/// Downloads from servers of all kinds.
fn check(context: &IoContext) -> io::Result<()> {
    const LENGTH: usize = 2_000_000;
    let executor = context.executor();
    let listener = TcpListener::bind(&executor, ([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    spawn(&executor, serve(listener, LENGTH), |_: io::Result<()>| ());

    let download = |path: &str| {
        let url = Url {
            host: address.to_string(),
            path: path.to_owned(),
        };
        let mut last = 0;
        let progress = move |received, _| {
            assert!(last <= received, "it only goes forward");
            last = received;
        };
        async_download(&executor, url, vec![address], progress, Blocking)
    };
    let file = download("/good").expect("a good server");
    assert!(file.len() == LENGTH && file.iter().enumerate().all(|(i, &byte)| byte == i as u8));
    println!("good: {} bytes", file.len());
    for (path, expected) in [
        ("/slow", "too slow, after 1000 bytes"),
        ("/silent", "too slow, after 0 bytes"),
        ("/short", "1000 of 2000000 bytes, and no more"),
        ("/garbage", "not HTTP: there is no status"),
        ("/missing", "the server says HTTP/1.1 404 Not Found"),
    ] {
        let error = download(path).expect_err(path).to_string();
        println!("{}: {error}", &path[1..]);
        assert_eq!(error, expected);
    }
    Ok(())
}

/// A server that does what the path says.
async fn serve(listener: TcpListener, length: usize) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // The downloader may go first: its business.
        let answer = answer(stream, length);
        spawn(&listener.executor(), answer, |_: io::Result<()>| ());
    }
}

async fn answer(stream: TcpStream, length: usize) -> io::Result<()> {
    let mut request = Vec::new();
    read_until(&stream, &mut request, "\r\n\r\n").await?;
    let path = request.split(|&byte| byte == b' ').nth(1);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let body: Vec<u8> = (0..length).map(|i| i as u8).collect();
    match path.unwrap_or_default() {
        b"/good" => write_all(&stream, (head, body)).await.0,
        b"/short" => write_all(&stream, (head, &body[..1000])).await.0,
        b"/garbage" => write_all(&stream, "hello\r\n\r\n").await,
        b"/missing" => write_all(&stream, "HTTP/1.1 404 Not Found\r\n\r\n").await,
        slow_or_silent => {
            if slow_or_silent == b"/slow" {
                write_all(&stream, (head, &body[..1000])).await.0?;
            }
            sleep(&stream.executor(), 2 * LIMIT).await
        }
    }
}
