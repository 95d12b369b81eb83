//! An operation that awaits another whose completion has a reference: the
//! compiler must still find it `Send` when it generates code.

use async_op::{Blocking, SystemExecutor, UseFuture, async_op, spawn};
use async_op::io::{read_exact, write_all};
use async_op::net::UnixStream;
use std::io;

#[async_op]
async fn async_greet(stream: &UnixStream, name: &str) -> io::Result<()> {
    let (result, (_, _, mark)) = write_all(stream, ("hello, ", name, "!")).await;
    assert_eq!(mark, "!");
    result
}

#[async_op]
async fn async_twice(stream: &UnixStream, name: &str) -> io::Result<()> {
    greet(stream, name).await?;
    greet(stream, &name.to_uppercase()).await
}

fn main() {
    let program = async {
        let (a, b) = UnixStream::pair(&SystemExecutor).unwrap();
        twice(&a, "you").await.unwrap();
        let again = async move { twice(&a, "me").await };
        spawn(&SystemExecutor, again, UseFuture).await.unwrap();
        let mut text = [0; 42];
        read_exact(&b, &mut text).await.unwrap();
        assert_eq!(&text, b"hello, you!hello, YOU!hello, me!hello, ME!");
    };
    spawn(&SystemExecutor, program, Blocking);
}
