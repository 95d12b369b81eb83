//! Whom a client does not trust.

use std::io::ErrorKind;

use async_op::IoContext;
use async_op_tests::net::{drive, pair};
use async_op_tests::without_hanging;

use crate::authority::{Authority, Shown, shake_hands};

#[test]
fn only_what_is_right_will_do() {
    without_hanging(|| {
        let context = IoContext::new().unwrap();
        let authority = Authority::new("authority");
        let cases = [
            ("right", authority.shown("localhost", 2100), true),
            (
                "of another name",
                authority.shown("example.org", 2100),
                false,
            ),
            ("expired", authority.shown("localhost", 2001), false),
            ("signed by itself", Shown::by_itself("localhost"), false),
            (
                "of a stranger",
                Authority::new("stranger").shown("localhost", 2100),
                false,
            ),
        ];
        for (what, shown, is_right) in cases {
            for (client, connector) in authority.connectors() {
                for (server, acceptor) in shown.acceptors() {
                    let case = format!("{what}: {client} with {server}");
                    let (a, b) = drive(&context, async {
                        let ends = shake_hands((&connector, &acceptor), pair(&context)).await;
                        // With TLS 1.3 the server has shaken hands before it is refused.
                        match ends {
                            (Err(error), Ok(server)) => {
                                (Err(error), server.read_some(&mut [0; 9]).await.map(|_| ()))
                            }
                            (a, b) => (a.map(|_| ()), b.map(|_| ())),
                        }
                    });
                    if is_right {
                        a.unwrap();
                        b.unwrap();
                        continue;
                    }
                    let error = a.expect_err(&case);
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{case}: {error}");
                    // The server is told why.
                    let error = b.expect_err(&case);
                    assert_ne!(error.kind(), ErrorKind::UnexpectedEof, "{case}: {error}");
                    assert!(error.to_string().contains("alert"), "{case}: {error}");
                }
            }
        }
    });
}
