use std::fmt;
use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_op::net::AnyStream;
use async_op::net::pipeline::Address;
use async_op::net::tls::Connector;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

const PORT: u16 = 5432;
/// No value of the server is larger.
const LONGEST_MESSAGE: usize = 1 << 30;

/// Makes a connection.
pub type Dial = dyn Fn() -> io::Result<AnyStream> + Send + Sync;

/// Where a server is, and what it is told at first.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    pub address: Address,
    pub user: String,
    pub password: Option<String>,
    /// By default the one that is named as the user.
    pub database: Option<String>,
    /// By TCP, and not without it.
    pub tls: Option<Tls>,
    /// Parameters of the session, such as `application_name`.
    pub parameters: Vec<(String, String)>,
    /// Whether a client connects anew when its connection has failed. The new session listens to
    /// the channels of the last, and has prepared statements when they are used; nothing else.
    pub reconnects: bool,
    /// How long the server may say nothing although an answer is due.
    pub silence: Option<Duration>,
    /// A longer message ends the connection.
    pub longest_message: usize,
    /// In place of the address: for a tunnel, say, or a test.
    pub dial: Option<Arc<Dial>>,
}

/// Whom to trust, and whom to expect.
#[derive(Clone, Debug)]
pub struct Tls {
    pub connector: Connector,
    pub name: String,
}

impl Config {
    pub fn new(address: Address, user: &str) -> Self {
        Self {
            address,
            user: user.to_owned(),
            password: None,
            database: None,
            tls: None,
            parameters: Vec::new(),
            reconnects: true,
            silence: None,
            longest_message: LONGEST_MESSAGE,
            dial: None,
        }
    }

    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE`, where `host=/FOLDER` is
    /// that of a Unix socket. Looks up the host, which blocks.
    pub fn parse(text: &str) -> io::Result<Self> {
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(invalid("not a URL of PostgreSQL"));
        }
        let port = url.port().unwrap_or(PORT);
        let (mut host, mut folder) = (None, None);
        let mut parameters = Vec::new();
        for (name, value) in url.query_pairs() {
            match (&*name, value.starts_with('/')) {
                ("host", true) => folder = Some(PathBuf::from(&*value)),
                ("host", false) => host = Some(value.into_owned()),
                _ => parameters.push((name.into_owned(), value.into_owned())),
            }
        }
        let address = match (folder, url.host()) {
            (Some(folder), _) => Address::Unix(folder.join(format!(".s.PGSQL.{port}"))),
            (None, Some(Host::Ipv4(ip))) => Address::Tcp(vec![(ip, port).into()]),
            (None, Some(Host::Ipv6(ip))) => Address::Tcp(vec![(ip, port).into()]),
            (None, name) => {
                let name = match name {
                    Some(Host::Domain(name)) => Some(decoded(name)?),
                    _ => host,
                };
                let name = name.as_deref().unwrap_or("localhost");
                Address::Tcp((name, port).to_socket_addrs()?.collect())
            }
        };
        let user = decoded(url.username())?;
        if user.is_empty() {
            return Err(invalid("the URL names no user"));
        }
        let mut config = Self::new(address, &user);
        config.parameters = parameters;
        config.password = url.password().map(decoded).transpose()?;
        let database = decoded(url.path().trim_start_matches('/'))?;
        config.database = (!database.is_empty()).then_some(database);
        Ok(config)
    }
}

/// Without the password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("user", &self.user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

fn decoded(text: &str) -> io::Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(|it| it.into_owned())
        .map_err(|_| invalid("the URL is not UTF-8"))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, text)
}
