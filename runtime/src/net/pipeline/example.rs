//! The lines of examples that are not shown: a protocol in parts, and a client of it.

macro_rules! example {
    (head) => {
        r#"# use async_op::net::TcpStream;
# use async_op::net::pipeline::{
#     Event, Exchange, Expect, Failure, Id, Input, Limits, Pipeline, Protocol, Session,
# };
# use async_op::{IoContext, IoExecutor};
# use std::io;
# use std::net::SocketAddr;
# struct Capitals {
#     address: SocketAddr,
# }
# impl Protocol for Capitals {
#     type Stream = TcpStream;
#     type Request = String;
#     type Reply = String;
#     type Part = String;
#     type Message = String;
#     type Error = io::Error;
#     type Pending = ();"#
    };
    (types) => {
        concat!(
            example!(head),
            "\n#     type Decoder = ();\n#     type Encoder = ();"
        )
    };
    (connect) => {
        r#"#     async fn connect(&self, on: &IoExecutor, _: &mut Input) -> io::Result<(TcpStream, ())> {
#         Ok((TcpStream::connect(on, self.address).await?, ()))
#     }"#
    };
    (encode) => {
        r#"#     fn encode(
#         &self,
#         (): &mut (),
#         request: String,
#         _: Id,
#         out: &mut Vec<u8>,
#     ) -> io::Result<Expect<Self>> {
#         out.extend_from_slice(format!("{request}\n").as_bytes());
#         Ok(match &*request {
#             "count" => Expect::Upload(()),
#             _ => Expect::InOrder(()),
#         })
#     }"#
    };
    (encode_more) => {
        r#"#     fn encode_more(&self, more: String, _: Id, out: &mut Vec<u8>) -> io::Result<()> {
#         out.extend_from_slice(format!("{more}\n").as_bytes());
#         Ok(())
#     }"#
    };
    (decode) => {
        r#"#     fn decode(
#         &self,
#         (): &mut (),
#         input: &mut Input,
#         _: &mut Session<'_, Self>,
#     ) -> io::Result<Option<Event<Self>>> {
#         let Some(line) = input.take_line(1024)? else {
#             return Ok(None);
#         };
#         let line = String::from_utf8_lossy(line).into_owned();
#         Ok(Some(match line.split_at_checked(1) {
#             Some(("+", part)) => Event::Part(part.to_owned()),
#             Some(("!", news)) => Event::Message(news.to_owned()),
#             _ => Event::Reply(Ok(line)),
#         }))
#     }"#
    };
    (server) => {
        r#"# }
# let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
# let address = listener.local_addr()?;
# std::thread::spawn(move || {
#     use std::io::{BufRead, BufReader, Write};
#     let (mut stream, _) = listener.accept().unwrap();
#     let mut count = None;
#     for line in BufReader::new(stream.try_clone().unwrap()).lines() {
#         let reply = match (line.unwrap().to_uppercase().as_str(), count) {
#             ("COUNT", _) => {
#                 count = Some(0);
#                 continue;
#             }
#             (".", Some(n)) => format!("{n}"),
#             (_, Some(n)) => {
#                 count = Some(n + 1);
#                 continue;
#             }
#             ("LIST", _) => "+ONE\n+TWO\n2".to_owned(),
#             ("NEWS", _) => "!NEWS\nOK".to_owned(),
#             (other, _) => other.to_owned(),
#         };
#         writeln!(stream, "{reply}").unwrap();
#     }
# });
# let context = IoContext::new()?;"#
    };
    (client) => {
        concat!(
            example!(types),
            "\n",
            example!(connect),
            "\n",
            example!(encode),
            "\n",
            example!(encode_more),
            "\n",
            example!(decode),
            "\n",
            example!(server),
            "\n# let client = Pipeline::new(&context, Capitals { address });"
        )
    };
    ($first:ident $($part:ident)+) => {
        concat!(example!($first) $(, "\n", example!($part))+)
    };
}
