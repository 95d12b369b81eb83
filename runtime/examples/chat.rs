//! A chat room: what one member says, all the others hear.
//!
//! Each member has a mailbox, a channel, and two operations of its own: one that
//! reads lines and puts them into the mailboxes of the others, one that writes
//! what it finds in its own. A member who does not read is left out when the
//! mailbox is full; nobody waits for them.
//!
//! Run it with `cargo run --example chat`: it starts a room and some members,
//! checks who has heard what, and exits.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};

use async_op::io::{DynamicBuffer, read_until, write_all};
use async_op::net::{TcpListener, TcpStream};
use async_op::sync::Channel;
use async_op::{IoContext, IoExecutor, IoObject, spawn};

const MEMBERS: usize = 4;
/// How many lines a mailbox keeps.
const MAILBOX: usize = 16;

type Line = Arc<[u8]>;

/// The mailboxes of those who are in the room.
#[derive(Clone, Default)]
struct Room {
    mailboxes: Arc<Mutex<HashMap<usize, Channel<Line>>>>,
}

impl Room {
    fn enter(&self, member: usize, executor: &IoExecutor) -> Channel<Line> {
        let mailbox = Channel::new(executor, MAILBOX);
        self.mailboxes
            .lock()
            .unwrap()
            .insert(member, mailbox.clone());
        mailbox
    }

    fn say(&self, member: usize, line: &[u8]) {
        let line = Line::from(line);
        for (other, mailbox) in &*self.mailboxes.lock().unwrap() {
            if *other != member {
                // Fails when the mailbox is full: they do not read.
                let _ = mailbox.try_send(line.clone());
            }
        }
    }

    /// The mailbox is closed: what is in it is still delivered.
    fn leave(&self, member: usize) {
        if let Some(mailbox) = self.mailboxes.lock().unwrap().remove(&member) {
            mailbox.close();
        }
    }
}

/// Lets members in, one after another.
async fn open(room: Room, listener: TcpListener) -> io::Result<()> {
    let executor = listener.executor();
    for member in 0..MEMBERS {
        let (stream, _) = listener.accept().await?;
        let mailbox = room.enter(member, &executor);
        spawn(&executor, hear(stream.clone(), mailbox), done);
        let room = room.clone();
        let talk = async move {
            let result = talk(&room, member, &stream).await;
            room.leave(member);
            result
        };
        spawn(&executor, talk, done);
    }
    Ok(())
}

/// Tells the others what a member says, until it leaves.
async fn talk(room: &Room, member: usize, stream: &TcpStream) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let end = match read_until(stream, (&mut buffer).at_most(1024), b'\n').await {
            Ok(end) => end,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        room.say(member, &buffer[..end]);
        buffer.drain(..end);
    }
}

/// Writes to a member what the others say, until its mailbox is closed.
async fn hear(stream: TcpStream, mailbox: Channel<Line>) -> io::Result<()> {
    while let Ok(line) = mailbox.receive().await {
        write_all(&stream, line).await.0?;
    }
    stream.shutdown(Shutdown::Write)
}

fn done(result: io::Result<()>) {
    result.unwrap();
}

/// A member who waits for its turn, speaks, and leaves; returns what it heard.
async fn visit(executor: IoExecutor, room: SocketAddr, turn: Channel<usize>) -> io::Result<String> {
    let stream = TcpStream::connect(&executor, room).await?;
    let number = turn.receive().await?;
    write_all(&stream, format!("I am number {number}\n"))
        .await
        .0?;
    // Having heard from all the others, it leaves.
    let mut heard = Vec::new();
    let mut from = 0;
    for _ in 1..MEMBERS {
        let rest = |bytes: &[u8]| Some(bytes[from..].iter().position(|&b| b == b'\n')? + from + 1);
        from = read_until(&stream, &mut heard, rest).await?;
    }
    stream.shutdown(Shutdown::Write)?;
    // And is told that all is said.
    let end = read_until(&stream, &mut heard, |_: &[u8]| None).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    Ok(String::from_utf8(heard).expect("words"))
}

fn main() -> io::Result<()> {
    let context = IoContext::new()?;
    let executor = context.executor();
    let listener = TcpListener::bind(&context, ([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let room = Room::default();
    let guests = room.clone();
    spawn(&executor, open(room, listener), done);

    let turn = Channel::new(&context, MEMBERS);
    let heard = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..MEMBERS {
        let heard = heard.clone();
        spawn(
            &executor,
            visit(executor, address, turn.clone()),
            move |text: io::Result<String>| {
                heard.lock().unwrap().push(text.unwrap());
            },
        );
    }
    // Once all are in the room they may speak.
    while guests.mailboxes.lock().unwrap().len() < MEMBERS {
        context.run_one();
    }
    for number in 0..MEMBERS {
        turn.try_send(number).expect("there is room");
    }
    context.run();

    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), MEMBERS);
    for number in 0..MEMBERS {
        let line = format!("I am number {number}\n");
        let ears = heard.iter().filter(|text| text.contains(&line)).count();
        assert_eq!(ears, MEMBERS - 1, "all but number {number} itself");
    }
    println!(
        "{MEMBERS} members have heard {} lines",
        MEMBERS * (MEMBERS - 1)
    );
    Ok(())
}
