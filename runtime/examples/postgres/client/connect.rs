//! How a session begins.

use async_op::io::write_all;
use async_op::net::AnyStream;
use async_op::net::pipeline::Input;
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::error::{Error, Result};
use super::protocol::{Postgres, lock, next_message, read, server_error};
use super::stream::Connected;

impl Postgres {
    /// Says who this is, shows that it is, and listens as the last session did.
    pub(super) async fn greet(&self, connected: &Connected, input: &mut Input) -> Result<()> {
        let stream = &connected.stream;
        let config = &self.config;
        let mut out = self.buffer();
        let fixed = [("user", &*config.user), ("client_encoding", "UTF8")];
        let database = config.database.as_deref();
        let more = config
            .parameters
            .iter()
            .map(|(name, value)| (&**name, &**value));
        let all = fixed.into_iter().chain(database.map(|it| ("database", it)));
        frontend::startup_message(all.chain(more), &mut out)?;
        write_all(stream, &out[..]).await?;
        self.authenticate(connected, input).await?;
        loop {
            match self.receive(stream, input).await? {
                Message::BackendKeyData(key) => {
                    *lock(&self.key) = Some((key.process_id(), key.secret_key()));
                }
                Message::ReadyForQuery(said) => {
                    self.note_status(said.status());
                    break;
                }
                _ => {}
            }
        }
        out.clear();
        let mut replies = self.channels.write_all(&mut out)?;
        write_all(stream, &out[..]).await?;
        while replies > 0 {
            match next_message(input, config.longest_message)? {
                // What cannot be had any more says so when it is used.
                Some(message) => replies -= usize::from(message[0] == b'Z'),
                None => input.read_more(stream).await?,
            }
        }
        Ok(())
    }

    async fn authenticate(&self, connected: &Connected, input: &mut Input) -> Result<()> {
        let stream = &connected.stream;
        let config = &self.config;
        let mut scram = None;
        loop {
            let mut out = BytesMut::new();
            match self.receive(stream, input).await? {
                Message::AuthenticationOk => return Ok(()),
                Message::AuthenticationCleartextPassword => {
                    frontend::password_message(self.password()?, &mut out)?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let user = config.user.as_bytes();
                    let hash = md5_hash(user, self.password()?, body.salt());
                    frontend::password_message(hash.as_bytes(), &mut out)?;
                }
                Message::AuthenticationSasl(body) => {
                    let offered: Vec<_> =
                        body.mechanisms().map(|it| Ok(it.to_owned())).collect()?;
                    let is_offered = |name: &str| offered.iter().any(|it| it == name);
                    let (name, binding) = match &connected.end_point {
                        Some(end_point) if is_offered(SCRAM_SHA_256_PLUS) => {
                            let binding = ChannelBinding::tls_server_end_point(end_point.clone());
                            (SCRAM_SHA_256_PLUS, binding)
                        }
                        _ if !is_offered(SCRAM_SHA_256) => {
                            return Err(Error::Protocol("an unknown authentication"));
                        }
                        // The server learns it if somebody has withheld what it offers.
                        Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
                        None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
                    };
                    let scram = scram.insert(ScramSha256::new(self.password()?, binding));
                    let first = scram.message();
                    frontend::sasl_initial_response(name, first, &mut out)?;
                }
                Message::AuthenticationSaslContinue(body) => {
                    let scram = scram.as_mut().ok_or(UNASKED)?;
                    scram.update(body.data())?;
                    frontend::sasl_response(scram.message(), &mut out)?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    scram.as_mut().ok_or(UNASKED)?.finish(body.data())?;
                }
                _ => return Err(Error::Protocol("an unknown authentication")),
            }
            write_all(stream, &out[..]).await?;
        }
    }

    fn password(&self) -> Result<&[u8]> {
        let text = "the server asks for a password, and there is none";
        let none = || std::io::Error::new(std::io::ErrorKind::PermissionDenied, text);
        Ok(self.config.password.as_deref().ok_or_else(none)?.as_bytes())
    }

    /// Returns the next message, or what the server has against this session.
    async fn receive(&self, stream: &AnyStream, input: &mut Input) -> Result<Message> {
        loop {
            match next_message(input, self.config.longest_message)? {
                Some(message) if message[0] == b'E' => return Err(server_error(message)?),
                Some(message) => return read(message),
                None => input.read_more(stream).await?,
            }
        }
    }
}

const UNASKED: Error = Error::Protocol("an answer of SASL that nobody has asked for");
