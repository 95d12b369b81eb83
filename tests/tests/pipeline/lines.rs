//! A protocol of lines that has all there is, and a server that speaks it.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};

use async_op::IoExecutor;
use async_op::cancel::{CancellationSignal, CancellationType};
use async_op::io::{Transport, write_all};
use async_op::net::pipeline::{Event, Expect, Id, Input, Limits, Pipeline, Protocol, Session};
use async_op::net::{AnyStream, TcpStream as Socket};

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// The same text, in order.
    Echo(String),
    /// The same text, by id, at some time.
    Late(String),
    /// So many parts, and their number.
    Rows(u32),
    /// So many parts, by id.
    Flood(u32),
    /// The number of the bytes of all [`Chunk`](Self::Chunk)s that follow.
    Put,
    Chunk(String),
    LastChunk(String),
    /// Nothing.
    Fire(String),
    /// As many messages, then the number.
    Shout(u32),
    /// An error, after which all goes on.
    Fail(String),
    /// How many have fired.
    Fired,
    /// The server asks a question before it answers.
    Question,
    /// Asks somebody to stop while it is encoded.
    Stops(Arc<CancellationSignal>),
    /// Panics before it is sent, and when its reply is read.
    EncodePanics,
    DecodePanics,
    /// Is refused before it is sent.
    Refused,
}

/// What shows that it is gone.
///
/// It may look at the pipeline as it goes, which nobody may hold locked then.
#[derive(Clone, Default)]
pub(crate) struct Token {
    count: Arc<()>,
    looks_at: Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>,
}

impl Token {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.count)
    }

    pub(crate) fn look_at<P: Protocol>(&self, pipeline: &Arc<Pipeline<P>>) {
        let pipeline = Arc::downgrade(pipeline);
        let look = move || {
            pipeline.upgrade().map(|it| it.is_connected());
        };
        assert!(self.looks_at.set(Box::new(look)).is_ok());
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(look) = self.looks_at.get() {
            look();
        }
    }
}

pub(crate) struct Request(pub(crate) Ask, pub(crate) Token);

pub(crate) struct Reply(
    pub(crate) String,
    #[allow(dead_code, reason = "kept to be dropped")] pub(crate) Token,
);

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

pub(crate) struct Pending {
    panics: bool,
    token: Token,
}

/// With `1` its requests are numbered, each connection's by themselves: it has to know that.
pub(crate) struct Lines<const NUMBERS: usize = 0> {
    server: At,
    pub(crate) limits: Limits,
    pub(crate) reconnects: bool,
    /// A greeting that the server answers.
    pub(crate) greeting: bool,
    /// So many connections have it.
    greetings: AtomicUsize,
    /// So many attempts to connect panic, after the greeting.
    pub(crate) panics: AtomicUsize,
    /// Goes with this.
    #[allow(dead_code, reason = "kept to be dropped")]
    pub(crate) kept: Option<Arc<()>>,
}

enum At {
    Address(SocketAddr),
    /// These connections are made, one after another.
    These(Mutex<VecDeque<AnyStream>>),
}

/// How many requests a connection has had, where that is known.
pub(crate) struct Count<const NUMBERS: usize>([u64; NUMBERS]);

impl<const NUMBERS: usize> Default for Count<NUMBERS> {
    fn default() -> Self {
        Self([0; NUMBERS])
    }
}

impl<const NUMBERS: usize> Lines<NUMBERS> {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::at(At::Address(address))
    }

    pub(crate) fn over<S: Transport>(streams: impl IntoIterator<Item = S>) -> Self {
        let streams = streams.into_iter().map(AnyStream::new).collect();
        Self::at(At::These(Mutex::new(streams)))
    }

    fn at(server: At) -> Self {
        Self {
            server,
            limits: Limits::default(),
            reconnects: true,
            greeting: true,
            greetings: AtomicUsize::new(usize::MAX),
            panics: AtomicUsize::new(0),
            kept: None,
        }
    }

    /// Only the first connection has a greeting.
    pub(crate) fn greeting_once(&mut self) {
        self.greeting = true;
        self.greetings = AtomicUsize::new(1);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl<const NUMBERS: usize> Protocol for Lines<NUMBERS> {
    type Stream = AnyStream;
    type Request = Request;
    type Reply = Reply;
    type Part = String;
    type Message = String;
    type Error = io::Error;
    type Pending = Pending;
    type Decoder = ();
    type Encoder = Count<NUMBERS>;

    async fn connect(
        &self,
        executor: &IoExecutor,
        input: &mut Input,
    ) -> io::Result<(AnyStream, ())> {
        let stream = match &self.server {
            At::Address(address) => {
                let stream = Socket::connect(executor, *address).await?;
                stream.set_nodelay(true)?;
                AnyStream::new(stream)
            }
            At::These(streams) => {
                let next = streams.lock().unwrap().pop_front();
                next.ok_or(io::ErrorKind::ConnectionRefused)?
            }
        };
        let greetings = self.greetings.load(Ordering::SeqCst);
        if self.greeting && greetings > 0 {
            self.greetings.store(greetings - 1, Ordering::SeqCst);
            for (say, hear) in [("hello\n", &b"welcome"[..]), ("password\n", b"granted")] {
                write_all(&stream, say).await?;
                loop {
                    match input.take_line(1000)? {
                        Some(line) if line == hear => break,
                        Some(line) => return Err(invalid(&text(line))),
                        None => input.read_more(&stream).await?,
                    }
                }
            }
        }
        let panics = self.panics.load(Ordering::SeqCst);
        if panics > 0 {
            self.panics.store(panics - 1, Ordering::SeqCst);
            panic!("on purpose");
        }
        Ok((stream, ()))
    }

    fn encode(
        &self,
        count: &mut Count<NUMBERS>,
        request: Request,
        id: Id,
        out: &mut Vec<u8>,
    ) -> io::Result<Expect<Self>> {
        if let Some(number) = count.0.first() {
            write!(out, "{number}: ")?;
        }
        let expect = say(request, id, out)?;
        count.0.iter_mut().for_each(|number| *number += 1);
        Ok(expect)
    }

    fn encode_more(&self, request: Request, _: Id, out: &mut Vec<u8>) -> io::Result<()> {
        match request.0 {
            Ask::Chunk(text) => writeln!(out, "+{text}"),
            Ask::LastChunk(text) => writeln!(out, "+{text}\n."),
            _ => Err(invalid("no part of an upload")),
        }
    }

    fn decode(
        &self,
        (): &mut (),
        input: &mut Input,
        session: &mut Session<'_, Self>,
    ) -> io::Result<Option<Event<Self>>> {
        let Some(line) = input.take_line(100_000)? else {
            return Ok(None);
        };
        let Some((kind, rest)) = line.split_first() else {
            return Err(invalid("an empty line"));
        };
        let rest = text(rest);
        let mut token = || {
            let front = session.front().ok_or_else(|| invalid("nobody asked"))?;
            assert!(!front.panics, "on purpose");
            io::Result::Ok(front.token.clone())
        };
        Ok(Some(match kind {
            b'=' => Event::Reply(Ok(Reply(rest, token()?))),
            b'?' => Event::Reply(Err(io::Error::other(rest))),
            b'-' => Event::Part(rest),
            b'!' => Event::Message(rest),
            b'q' => {
                session.write(b"answer\n");
                Event::Nothing
            }
            // Whatever the one is that it names.
            b'*' => {
                let (id, text) = rest.split_once(' ').ok_or_else(|| invalid("no id"))?;
                let id = id.parse().map_err(|_| invalid("no number"))?;
                Event::PartTo(Id::from_short(id), text.to_owned())
            }
            b'#' | b'~' => {
                let (id, text) = rest.split_once(' ').ok_or_else(|| invalid("no id"))?;
                let id = id.parse().map_err(|_| invalid("no number"))?;
                let id = Id::from_short(id);
                let Some(pending) = session.get(id) else {
                    return Ok(Some(Event::Nothing));
                };
                let token = pending.token.clone();
                match kind {
                    b'#' => Event::ReplyTo(id, Ok(Reply(text.to_owned(), token))),
                    _ => Event::PartTo(id, text.to_owned()),
                }
            }
            _ => return Err(invalid("a reply of an unknown kind")),
        }))
    }

    fn reconnects(&self) -> bool {
        self.reconnects
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }
}

fn say<const NUMBERS: usize>(
    request: Request,
    id: Id,
    out: &mut Vec<u8>,
) -> io::Result<Expect<Lines<NUMBERS>>> {
    let Request(ask, token) = request;
    let mut pending = Pending {
        panics: false,
        token: token.clone(),
    };
    match ask {
        Ask::Echo(text) => writeln!(out, "echo {text}")?,
        Ask::Late(text) => {
            writeln!(out, "late {} {text}", id.short())?;
            return Ok(Expect::ById(pending));
        }
        Ask::Rows(n) => writeln!(out, "rows {n}")?,
        Ask::Flood(n) => {
            writeln!(out, "flood {} {n}", id.short())?;
            return Ok(Expect::ById(pending));
        }
        Ask::Put => {
            writeln!(out, "put")?;
            return Ok(Expect::Upload(pending));
        }
        Ask::Fire(text) => {
            writeln!(out, "fire {text}")?;
            return Ok(Expect::Nothing(Reply(text, token)));
        }
        Ask::Shout(n) => writeln!(out, "shout {n}")?,
        Ask::Fail(text) => writeln!(out, "fail {text}")?,
        Ask::Fired => writeln!(out, "fired")?,
        Ask::Question => writeln!(out, "question")?,
        Ask::Stops(signal) => {
            signal.emit(CancellationType::TERMINAL);
            writeln!(out, "echo stopped")?;
        }
        Ask::EncodePanics => panic!("on purpose"),
        Ask::DecodePanics => {
            writeln!(out, "echo text")?;
            pending.panics = true;
        }
        Ask::Chunk(_) | Ask::LastChunk(_) | Ask::Refused => {
            return Err(invalid("refused"));
        }
    }
    Ok(Expect::InOrder(pending))
}

/// A server that speaks it, in threads of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    connections: Mutex<Vec<TcpStream>>,
    is_over: AtomicBool,
    accepted: AtomicUsize,
    fired: AtomicUsize,
    /// How many requests had another number than they should.
    misnumbered: AtomicUsize,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self {
            address,
            state: Arc::default(),
            listener: Mutex::default(),
        };
        server.listen(listener);
        server
    }

    fn listen(&self, listener: TcpListener) {
        let state = self.state.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if state.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                state.accepted.fetch_add(1, Ordering::SeqCst);
                let mut connections = state.connections.lock().unwrap();
                connections.push(stream.try_clone().unwrap());
                let state = state.clone();
                thread::spawn(move || {
                    // Closed in the middle, perhaps.
                    let _ = serve(&stream, &state);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        *self.listener.lock().unwrap() = Some(thread);
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// How many requests had another number than they should.
    pub(crate) fn misnumbered(&self) -> usize {
        self.state.misnumbered.load(Ordering::SeqCst)
    }

    /// Ends all connections, with whatever they have been doing.
    pub(crate) fn cut(&self) {
        for stream in self.state.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the server.
    pub(crate) fn kill(&self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes the one that listens.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.lock().unwrap().take() {
            listener.join().unwrap();
        }
        self.cut();
    }

    /// Starts it where it was.
    pub(crate) fn restart(&self) {
        self.state.is_over.store(false, Ordering::SeqCst);
        self.listen(TcpListener::bind(self.address).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn serve(stream: &TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = io::BufWriter::new(stream);
    let mut late = Vec::new();
    let mut line = String::new();
    let mut number = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut asked = line.trim_end();
        if let Some((said, rest)) = asked.split_once(": ")
            && let Ok(said) = said.parse::<u64>()
        {
            let is_next = said == number;
            state
                .misnumbered
                .fetch_add(usize::from(!is_next), Ordering::SeqCst);
            number += 1;
            asked = rest;
        }
        let (word, rest) = asked.split_once(' ').unwrap_or((asked, ""));
        match word {
            "hello" => writeln!(writer, "welcome")?,
            "password" => writeln!(writer, "granted")?,
            "echo" => writeln!(writer, "={rest}")?,
            "late" => late.push(format!("#{rest}")),
            "fire" => {
                state.fired.fetch_add(1, Ordering::SeqCst);
            }
            "fired" => writeln!(writer, "={}", state.fired.load(Ordering::SeqCst))?,
            "fail" => writeln!(writer, "?{rest}")?,
            "question" => {
                writeln!(writer, "q")?;
                writer.flush()?;
                line.clear();
                reader.read_line(&mut line)?;
                writeln!(writer, "={}", line.trim_end())?;
            }
            "rows" | "shout" => {
                let n: u32 = rest.parse().unwrap();
                let kind = if word == "rows" { '-' } else { '!' };
                for row in 0..n {
                    writeln!(writer, "{kind}{row}")?;
                }
                writeln!(writer, "={n}")?;
            }
            "flood" => {
                let (id, n) = rest.split_once(' ').unwrap();
                for row in 0..n.parse::<u32>().unwrap() {
                    writeln!(writer, "~{id} {row}")?;
                }
                writeln!(writer, "#{id} {n}")?;
            }
            "put" => {
                writer.flush()?;
                let mut total = 0;
                loop {
                    line.clear();
                    if reader.read_line(&mut line)? == 0 {
                        return Ok(());
                    }
                    match line.trim_end() {
                        "." => break,
                        chunk if chunk.starts_with('+') => total += chunk.len() - 1,
                        // Somebody else's in the middle.
                        _ => writeln!(writer, "?mixed up")?,
                    }
                }
                writeln!(writer, "={total}")?;
            }
            _ => writeln!(writer, "?what")?,
        }
        if reader.buffer().is_empty() {
            // The last one first.
            for line in late.drain(..).rev() {
                writeln!(writer, "{line}")?;
            }
            writer.flush()?;
        }
    }
}
