use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use async_op::IoExecutor;
use async_op::net::AnyStream;
use async_op::net::pipeline::Address;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::command::Command;

/// Where servers listen if nobody says otherwise.
const PORT: u16 = 6379;

/// For a URL that is split where nobody meant it to be.
const HINT: &str = "write special characters of names and passwords as %XX";

/// Makes a connection.
pub type Dial = dyn Fn() -> io::Result<AnyStream> + Send + Sync;

/// What a client has to know of its server.
#[derive(Clone)]
pub struct Config {
    pub address: Address,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: i64,
    /// Speak RESP3. Servers before version 6 do not.
    pub resp3: bool,
    /// No reply is longer, in bytes.
    pub longest_reply: usize,
    /// In place of the address: for a tunnel, say, or a test.
    pub dial: Option<Arc<Dial>>,
}

impl Config {
    pub fn new(address: impl Into<Address>) -> Self {
        Self {
            address: address.into(),
            user: None,
            password: None,
            database: 0,
            resp3: false,
            longest_reply: 1 << 30,
            dial: None,
        }
    }

    /// Reads `host:port`, `host`, the path of a Unix socket, or a URL:
    /// `redis://user:password@host:port/database?protocol=resp3`, and the same with
    /// `unix:///path?db=1&user=name&pass=word`.
    ///
    /// The name of a host is looked up here, which blocks. No error repeats any of the
    /// text: where a password is not escaped, part of it may be anywhere.
    pub fn parse(text: &str) -> io::Result<Self> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        let is_url = rest.starts_with("//");
        match &*scheme {
            "unix" | "redis+unix" if rest.starts_with('/') => Self::of_url(text),
            "redis" if is_url => Self::of_url(text),
            "rediss" if is_url => Err(invalid("this client does not speak TLS")),
            _ if is_url => Err(invalid(
                "not a URL of Redis: redis://HOST:PORT or unix:///PATH",
            )),
            _ if text.contains('/') => Ok(Self::new(PathBuf::from(text))),
            _ => Ok(Self::new(look_up(text)?)),
        }
    }

    fn of_url(text: &str) -> io::Result<Self> {
        let url = Url::parse(text).map_err(|error| invalid(format!("{error}; {HINT}")))?;
        if url.fragment().is_some() {
            return Err(invalid(format!("the URL has a part after a #; {HINT}")));
        }
        let path = decoded(url.path())?;
        let mut database = None;
        let mut config = if url.scheme() == "redis" {
            let port = url.port().unwrap_or(PORT);
            let address = match url.host() {
                Some(Host::Domain(name)) => look_up_at(&decoded(name)?, port)?,
                Some(Host::Ipv4(ip)) => SocketAddr::new(ip.into(), port).into(),
                Some(Host::Ipv6(ip)) => SocketAddr::new(ip.into(), port).into(),
                None => return Err(invalid("the URL names no host")),
            };
            database = Some(path.trim_matches('/').to_owned());
            Self::new(address)
        } else if url.host_str().is_some_and(|name| !name.is_empty()) {
            return Err(invalid("the URL names a host; write unix:///PATH"));
        } else if path.is_empty() {
            return Err(invalid("the URL names no path"));
        } else {
            Self::new(PathBuf::from(path))
        };
        config.user = Some(decoded(url.username())?);
        config.password = url.password().map(decoded).transpose()?;
        // Not as a form, where + is a space.
        let pairs = url.query().unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match (&*decoded(name)?, &*value) {
                ("db", _) => database = Some(value),
                ("user", _) => config.user = Some(value),
                ("pass", _) => config.password = Some(value),
                ("protocol", "2" | "resp2") => config.resp3 = false,
                ("protocol", "3" | "resp3") => config.resp3 = true,
                _ => {
                    return Err(invalid(format!(
                        "the URL has a parameter that is none of db=, user=, pass=, \
                         protocol=2 and protocol=3; {HINT}"
                    )));
                }
            }
        }
        config.user = config.user.filter(|name| !name.is_empty());
        if let Some(number) = database.filter(|number| !number.is_empty()) {
            config.database = number.parse().map_err(|_| {
                let text = "what the URL has in its place is not the number of a database";
                invalid(format!("{text}; {HINT}"))
            })?;
        }
        Ok(config)
    }

    pub(super) async fn connect(&self, executor: &IoExecutor) -> io::Result<AnyStream> {
        match &self.dial {
            Some(dial) => dial(),
            None => self.address.connect(executor).await,
        }
    }

    /// The password to say: a user who needs none has an empty one.
    pub fn secret(&self) -> Option<&str> {
        let empty = self.user.as_ref().map(|_| "");
        self.password.as_deref().or(empty)
    }

    /// What is said first on a new connection, if anything.
    pub(super) fn greeting(&self) -> Option<Command> {
        let user = self.user.as_deref().unwrap_or("default");
        let first = match (self.resp3, self.secret()) {
            (true, None) => Some(Command::in_greeting("HELLO").arg("3")),
            (true, Some(password)) => {
                let hello = Command::in_greeting("HELLO").arg("3").arg("AUTH");
                Some(hello.arg(user).arg(password))
            }
            (false, Some(password)) if self.user.is_none() => {
                Some(Command::new("AUTH").arg(password))
            }
            (false, Some(password)) => Some(Command::new("AUTH").arg(user).arg(password)),
            (false, None) => None,
        };
        let select = (self.database != 0).then(|| Command::new("SELECT").arg(self.database));
        match (first, select) {
            (Some(first), Some(select)) => Some(first.and(&select)),
            (first, select) => first.or(select),
        }
    }
}

/// By hand: whoever prints it does not mean to print the password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("database", &self.database)
            .field("resp3", &self.resp3)
            .field("longest_reply", &self.longest_reply)
            .finish_non_exhaustive()
    }
}

/// Looks up `host:port` or `host`.
fn look_up(text: &str) -> io::Result<Address> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address.into());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, PORT).into());
    }
    let inside = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    if let Some(Ok(ip)) = inside.map(str::parse::<Ipv6Addr>) {
        return Ok(SocketAddr::new(ip.into(), PORT).into());
    }
    let Some((name, port)) = text.rsplit_once(':') else {
        return look_up_at(text, PORT);
    };
    let port = port
        .parse()
        .map_err(|_| invalid("what follows the last colon is not a port"))?;
    look_up_at(name, port)
}

fn look_up_at(name: &str, port: u16) -> io::Result<Address> {
    if name.is_empty() {
        return Err(invalid("no host is named"));
    }
    let addresses: Vec<_> = (name, port).to_socket_addrs()?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(
            ErrorKind::NotFound,
            "the host has no address",
        ));
    }
    Ok(Address::Tcp(addresses))
}

/// Undoes `%41` for `A`.
fn decoded(text: &str) -> io::Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into)
        .map_err(|error| invalid(error.to_string()))
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, text.into())
}
