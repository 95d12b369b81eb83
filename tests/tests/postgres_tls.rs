//! The client of PostgreSQL over TLS, and before servers that cannot be trusted.
#![cfg(unix)]

#[path = "../../runtime/examples/postgres/client/mod.rs"]
mod client;

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "tls/authority.rs"]
mod authority;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::thread;

use async_op::io::{copy, read_exact, write_all};
use async_op::net::tls::{Acceptor, Connector};
use async_op::{IoContext, SystemExecutor, net};
use async_op_tests::net::{both, drive};
use async_op_tests::postgres::PostgresServer;
use async_op_tests::without_hanging;

use authority::Authority;
use client::{Address, Client, Config, Error, Tls};

fn secured(mut config: Config, authority: &Authority, name: &str) -> Config {
    config.tls = Some(Tls {
        connector: authority.config().into(),
        name: name.into(),
    });
    config
}

#[test]
fn a_real_server() {
    let authority = Authority::new("authority");
    let shown = authority.shown("localhost", 2100);
    let (certificate, key) = (shown.certificate.pem(), shown.key.serialize_pem());
    let files = [("server.crt", &*certificate), ("server.key", &*key)];
    let Some(server) = PostgresServer::start_with(&files, &["ssl=on"]) else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let config = Config::parse(&server.url(PostgresServer::USER)).unwrap();
        let right = secured(config.clone(), &authority, "localhost");
        let is_secured = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let asks = |client: &Client| {
            let rows = client.query(is_secured, &[]).blocking().unwrap();
            rows.one().unwrap().get::<bool>(0).unwrap()
        };
        let client = Client::new(&context, right.clone());
        assert!(asks(&client));
        assert!(!asks(&Client::new(&context, config.clone())));
        // The same, awaited, with much in both directions.
        let client = Client::new(&SystemExecutor, right);
        pollster::block_on(async {
            let statement = client.prepare("select repeat($1, 1000)").await.unwrap();
            for n in 0..100 {
                let text = n.to_string().repeat(1000);
                let rows = client.query(&statement, &[&text]).await.unwrap();
                let repeated: String = rows.one().unwrap().get(0).unwrap();
                assert_eq!(repeated, text.repeat(1000));
            }
            client.batch("create table big (line text)").await.unwrap();
            let copy = client.copy_in("copy big from stdin").unwrap();
            for _ in 0..100 {
                copy.send([b'x'; 10_000].iter().copied().chain([b'\n']).collect())
                    .await
                    .unwrap();
            }
            assert_eq!(copy.finish().await.unwrap(), 100);
            client.cancel_query().await.unwrap();
        });
        for config in [
            secured(config.clone(), &authority, "example.org"),
            secured(config, &Authority::new("stranger"), "localhost"),
        ] {
            let client = Client::new(&context, config);
            let error = client.batch("select 1").blocking().unwrap_err();
            let kind = error.as_io().map(std::io::Error::kind);
            assert_eq!(kind, Some(ErrorKind::InvalidData), "{error}");
        }
    });
}

/// Somebody in between, whom the client trusts as it does the server, passes on all that is said:
/// what the client shows is of no use there, as it is tied to the server's own certificate.
#[test]
fn somebody_in_between() {
    let authority = Authority::new("authority");
    let shown = authority.shown("localhost", 2100);
    let (certificate, key) = (shown.certificate.pem(), shown.key.serialize_pem());
    let files = [("server.crt", &*certificate), ("server.key", &*key)];
    let Some(server) = PostgresServer::start_with(&files, &["ssl=on"]) else {
        return;
    };
    without_hanging(move || {
        let context = IoContext::new().unwrap();
        let tester = Config::parse(&server.url(PostgresServer::USER)).unwrap();
        let role = "create role scram login password 'secret'";
        let tester = Client::new(&context, tester);
        tester.batch(role).blocking().unwrap();
        let mut config = Config::parse(&server.url("scram")).unwrap();
        config.password = Some("secret".into());
        config.reconnects = false;
        let config = secured(config, &authority, "localhost");
        let direct = Client::new(&context, config.clone());
        direct.batch("select 1").blocking().unwrap();

        let listener = net::TcpListener::bind(&context, ([127, 0, 0, 1], 0).into()).unwrap();
        let mut past = config.clone();
        past.address = Address::Tcp(vec![listener.local_addr().unwrap()]);
        let past = Client::new(&context, past);
        let acceptor = Acceptor::from(authority.shown("localhost", 2100).config());
        let connector = Connector::from(authority.config());
        let relay = async {
            let (front, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            read_exact(&front, &mut request[..]).await.unwrap();
            write_all(&front, "S").await.unwrap();
            let front = acceptor.accept(front).await.unwrap();
            let back = net::TcpStream::connect(&context, server.address)
                .await
                .unwrap();
            write_all(&back, &request[..]).await.unwrap();
            read_exact(&back, &mut [0][..]).await.unwrap();
            let back = connector.connect(back, "localhost").await.unwrap();
            let there = async {
                let _ = copy(&front, &back).await;
                back.close();
            };
            let back_again = async {
                let _ = copy(&back, &front).await;
                front.close();
            };
            both(there, back_again).await;
        };
        let (result, ()) = drive(&context, both(past.batch("select 1"), relay));
        let error = result.unwrap_err();
        assert_eq!(error.code(), Some("28000"), "{error:?}");
    });
}

#[test]
fn a_server_that_does_not_speak_it() {
    without_hanging(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(request, [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
            stream.write_all(b"N").unwrap();
            // Nothing is said without it.
            assert_eq!(stream.read(&mut request).unwrap(), 0);
        });
        let config = Config::new(Address::Tcp(vec![address]), "me");
        let config = secured(config, &Authority::new("authority"), "localhost");
        let context = IoContext::new().unwrap();
        let client = Client::new(&context, config);
        let error = client.batch("select 1").blocking().unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error}");
        server.join().unwrap();
    });
}
