//! Ends of `openssl`.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};

use async_op::IoContext;
use async_op::io::{read_until, write_all};
use async_op::net::TcpStream;
use async_op_tests::net::listen;
use async_op_tests::{Folder, ServerProcess, skipped, without_hanging};

use crate::authority::{Authority, Shown};

/// Files for a command, removed at the end.
struct Files {
    folder: Folder,
}

impl Files {
    fn new(name: &str, authority: &Authority, shown: &Shown) -> Self {
        let folder = Folder::new(name);
        let write = |file: &str, text: String| fs::write(folder.path().join(file), text).unwrap();
        write("authority.pem", authority.pem());
        write("certificate.pem", shown.certificate.pem());
        write("key.pem", shown.key.serialize_pem());
        write("stranger.pem", Authority::new("stranger").pem());
        Self { folder }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).to_str().unwrap().to_owned()
    }
}

/// A server that says each line backwards.
fn server(files: &Files, version: &str) -> Option<ServerProcess> {
    ServerProcess::start("openssl", |port| {
        let (certificate, key) = (files.path("certificate.pem"), files.path("key.pem"));
        let port = port.to_string();
        let arguments = [
            "s_server",
            "-accept",
            &port,
            "-cert",
            &certificate,
            "-key",
            &key,
            "-rev",
            "-quiet",
            version,
        ];
        arguments.map(str::to_owned).to_vec()
    })
}

fn connect(context: &IoContext, server: &ServerProcess) -> TcpStream {
    TcpStream::connect(context, server.address)
        .blocking()
        .unwrap()
}

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn a_client_of_its_server() {
    let authority = Authority::new("authority");
    let shown = authority.shown("localhost", 2100);
    let files = Files::new("tls-server", &authority, &shown);
    for version in VERSIONS {
        let Some(mut server) = server(&files, version) else {
            return;
        };
        let connectors = authority.connectors();
        without_hanging(move || {
            let context = IoContext::new().unwrap();
            for (kind, connector) in &connectors {
                let stream = connect(&context, &server);
                let stream = connector.connect(stream, "localhost").blocking().unwrap();
                for (say, hear) in [("hello\n", "olleh\n"), ("abc\n", "cba\n")] {
                    write_all(&stream, say).blocking().unwrap();
                    let (end, heard) = read_until(&stream, Vec::new(), b'\n').blocking();
                    end.unwrap();
                    assert_eq!(heard, hear.as_bytes(), "{kind}");
                }
                stream.finish().blocking().unwrap();
                // Another name than it shows.
                let stream = connect(&context, &server);
                let refused = connector.connect(stream, "example.org").blocking();
                assert_eq!(
                    refused.unwrap_err().kind(),
                    ErrorKind::InvalidData,
                    "{kind}"
                );
            }
            // One who dies does not say so.
            let stream = connect(&context, &server);
            let connecting = connectors[0].1.connect(stream, "localhost");
            let stream = connecting.blocking().unwrap();
            server.kill();
            let error = stream.read_some(&mut [0; 9]).blocking().unwrap_err();
            let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(kinds.contains(&error.kind()), "{error}");
        });
    }
}

/// A client that says what it reads from its input, and shows what it hears.
fn client(files: &Files, port: u16, version: &str, authority: &str) -> Option<Child> {
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, version]);
    command.args(["-CAfile", &files.path(authority), "-verify_return_error"]);
    command.args(["-servername", "localhost", "-verify_hostname", "localhost"]);
    // It says so at the end of its input.
    command.args(["-quiet", "-no_ign_eof"]);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    match command.spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            skipped("openssl", &error);
            None
        }
    }
}

#[test]
fn a_server_of_its_client() {
    let authority = Authority::new("authority");
    let shown = authority.shown("localhost", 2100);
    let files = Files::new("tls-client", &authority, &shown);
    let acceptors = shown.acceptors();
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let listener = listen(&context);
        let port = listener.local_addr().unwrap().port();
        for version in VERSIONS {
            for (kind, acceptor) in &acceptors {
                if (*kind, version) == ("native-tls", "-tls1_3") {
                    // Its servers do not speak that with OpenSSL.
                    continue;
                }
                let Some(mut other) = client(&files, port, version, "authority.pem") else {
                    return;
                };
                let (stream, _) = listener.accept().blocking().unwrap();
                let stream = acceptor.accept(stream).blocking().unwrap();
                write_all(&stream, "welcome\n").blocking().unwrap();
                let mut shown = [0; 8];
                other
                    .stdout
                    .as_mut()
                    .unwrap()
                    .read_exact(&mut shown)
                    .unwrap();
                assert_eq!(&shown, b"welcome\n", "{kind}");
                let mut input = other.stdin.take().unwrap();
                input.write_all(b"hello\n").unwrap();
                let mut heard = Vec::new();
                read_until(&stream, &mut heard, b'\n').blocking().unwrap();
                assert_eq!(heard, b"hello\n", "{kind}");
                drop(input);
                let n = stream.read_some(&mut [0; 9]).blocking().unwrap();
                assert_eq!(n, 0, "{kind}: it says that this was all");
                drop(stream);
                assert!(other.wait().unwrap().success(), "{kind}");

                // One that trusts somebody else.
                let Some(mut other) = client(&files, port, version, "stranger.pem") else {
                    return;
                };
                let (stream, _) = listener.accept().blocking().unwrap();
                let refused = acceptor.accept(stream).blocking();
                let refused = refused.and_then(|it| it.read_some(&mut [0; 9]).blocking());
                let error = refused.unwrap_err();
                assert!(error.to_string().contains("alert"), "{kind}: {error}");
                assert!(!other.wait().unwrap().success(), "{kind}");
            }
        }
    });
}
