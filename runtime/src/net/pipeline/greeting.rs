//! Requests of a connection that is being made.

use std::mem;

use super::session::Desk;
use super::{Event, Expect, Id, Input, Protocol};
use crate::io::write_all;

/// Says a request, and reads up to its reply.
pub(super) async fn greet<P: Protocol>(
    protocol: &P,
    stream: &P::Stream,
    input: &mut Input,
    decoder: &mut P::Decoder,
    request: P::Request,
) -> Result<P::Reply, P::Error> {
    let id = Id::from_number(0);
    let mut desk = Desk::default();
    let mut encoder = P::Encoder::default();
    let expect = protocol.encode(&mut encoder, request, id, &mut desk.answer)?;
    let mut said = None;
    match expect {
        Expect::InOrder(pending) | Expect::Upload(pending) => desk.front = Some((id, pending)),
        Expect::ById(pending) => desk.found = Some((id, pending)),
        Expect::Nothing(reply) => said = Some(reply),
    }
    loop {
        let answer = mem::take(&mut desk.answer);
        if !answer.is_empty() {
            write_all(stream, answer).await.0?;
        }
        if let Some(reply) = said {
            return Ok(reply);
        }
        match desk.decode(protocol, None, decoder, input)? {
            Some(Event::Reply(result) | Event::ReplyTo(_, result)) => return result,
            Some(Event::Message(message)) => drop(protocol.notice(message)),
            Some(Event::Part(_) | Event::PartTo(..) | Event::Nothing) => {}
            None if desk.answer.is_empty() => input.read_more(stream).await?,
            None => {}
        }
    }
}
