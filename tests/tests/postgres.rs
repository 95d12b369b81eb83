//! The example's client of PostgreSQL against a real server: the same suite, for every token
//! and every host.
#![cfg(unix)]

#[path = "../../runtime/examples/postgres/client/mod.rs"]
mod client;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use async_op::token::UsePromise;
use async_op::{Initiation, IoContext, IoExecutor, Operation, SystemExecutor};
use async_op_tests::postgres::PostgresServer;
use async_op_tests::without_hanging;
use futures_lite::future::or;

use client::{Client, Config, Error, Pool, Row, Statement};

/// A way to wait for a result.
trait Caller {
    /// Where the operations run.
    fn executor(&self) -> IoExecutor;

    fn call<R, I>(&self, operation: Operation<fn(R), I>) -> R
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static;
}

/// A closure, called by a context that this thread runs.
struct Closure(IoContext);

impl Caller for Closure {
    fn executor(&self) -> IoExecutor {
        self.0.executor()
    }

    fn call<R, I>(&self, operation: Operation<fn(R), I>) -> R
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        let (sender, receiver) = channel();
        operation.callback(move |result| sender.send(result).unwrap());
        loop {
            if let Ok(result) = receiver.try_recv() {
                return result;
            }
            self.0.restart();
            self.0.run_one();
        }
    }
}

/// This thread drives the I/O.
struct BlockingCalls(IoContext);

impl Caller for BlockingCalls {
    fn executor(&self) -> IoExecutor {
        self.0.executor()
    }

    fn call<R, I>(&self, operation: Operation<fn(R), I>) -> R
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        operation.blocking()
    }
}

/// Started first, and awaited afterwards.
struct Promises;

impl Caller for Promises {
    fn executor(&self) -> IoExecutor {
        *SystemExecutor
    }

    fn call<R, I>(&self, operation: Operation<fn(R), I>) -> R
    where
        R: Send + 'static,
        I: Initiation<fn(R)> + 'static,
    {
        let promise = operation.with(UsePromise);
        pollster::block_on(promise)
    }
}

/// Futures, in somebody's runtime.
macro_rules! futures {
    ($($name:ident($state:ty): $executor:expr, $call:expr;)*) => {$(
        struct $name($state);

        impl Caller for $name {
            fn executor(&self) -> IoExecutor {
                let executor: fn(&$state) -> IoExecutor = $executor;
                executor(&self.0)
            }

            fn call<R, I>(&self, operation: Operation<fn(R), I>) -> R
            where
                R: Send + 'static,
                I: Initiation<fn(R)> + 'static,
            {
                $call(&self.0, operation)
            }
        }
    )*};
}

type Runtime = tokio::runtime::Runtime;

futures! {
    Pollster(()): |_| *SystemExecutor, |_: &(), operation| pollster::block_on(operation);
    Smol(IoContext): |context| context.executor(), |context: &IoContext, operation| {
        smol::block_on(or(operation, async {
            context.drive_in_async_io().await.unwrap();
            unreachable!("nobody stops it")
        }))
    };
    TokioCurrent((Runtime, IoContext)): |it| it.1.executor(), |it: &(Runtime, IoContext), operation| {
        it.0.block_on(or(operation, async {
            it.1.drive_in_tokio().await.unwrap();
            unreachable!("nobody stops it")
        }))
    };
    TokioMulti(Runtime): |_| *SystemExecutor, |runtime: &Runtime, operation| {
        runtime.block_on(operation)
    };
}

/// Returns what handlers have sent, who have been called by now, and in order, where one thread
/// calls them; several of the system's may still be at it.
fn all_of<T: Ord>(caller: &impl Caller, receiver: Receiver<T>) -> Vec<T> {
    if caller.executor() != *SystemExecutor {
        return receiver.try_iter().collect();
    }
    let mut all: Vec<_> = receiver.into_iter().collect();
    all.sort_unstable();
    all
}

/// Everything that the client does.
fn suite(caller: &impl Caller, server: &PostgresServer, url: &str) {
    let config = Config::parse(url).unwrap();
    let client = Client::new(&caller.executor(), config.clone());
    let ask = |text: &str| caller.call(client.batch(text));
    ask("drop table if exists goods").unwrap();
    ask("create table goods (id int primary key, name text, data bytea, price float8, sold bool)")
        .unwrap();

    // Values there and back, nulls among them.
    let insert = "insert into goods values ($1, $2, $3, $4, $5)";
    let insert = caller.call(client.prepare(insert)).unwrap();
    let data: Vec<u8> = (0..=255).collect();
    let values: [&dyn client::Parameter; 5] = [&1, &"näme \\ '", &data, &2.5, &true];
    assert_eq!(caller.call(client.execute(&insert, &values)).unwrap(), 1);
    let none: Option<&str> = None;
    let values: [&dyn client::Parameter; 5] = [&2, &none, &None::<Vec<u8>>, &-1e300, &false];
    assert_eq!(caller.call(client.execute(&insert, &values)).unwrap(), 1);
    let rows = caller.call(client.query("select * from goods where id >= $1 order by id", &[&1]));
    let rows = rows.unwrap();
    let names: Vec<&str> = rows.columns().iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["id", "name", "data", "price", "sold"]);
    assert_eq!((rows.len(), rows.affected()), (2, 2));
    let all: Vec<Row<&[u8]>> = rows.iter().collect();
    assert_eq!(all[0].get::<i64>("id").unwrap(), 1);
    assert_eq!(all[0].get::<String>(1).unwrap(), "näme \\ '");
    assert_eq!(all[0].get::<Vec<u8>>("data").unwrap(), data);
    assert!(all[0].get::<bool>("sold").unwrap());
    assert_eq!(all[1].get::<Option<String>>("name").unwrap(), None);
    assert_eq!(all[1].get::<f64>("price").unwrap(), -1e300);
    assert!(matches!(
        all[1].get::<String>("name"),
        Err(Error::Unexpected(_))
    ));
    assert!(matches!(all[1].get::<i32>(5), Err(Error::Unexpected(_))));
    let none = caller
        .call(client.query("select id from goods where false", &[]))
        .unwrap();
    assert!(none.is_empty() && none.one().is_err());

    // Errors leave the session as it is.
    let error = caller
        .call(client.query("select nothing", &[]))
        .unwrap_err();
    assert_eq!(error.code(), Some("42703"));
    let error = caller.call(client.execute(&insert, &values)).unwrap_err();
    let Error::Server(said) = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (&*said.code, said.constraint.as_deref()),
        ("23505", Some("goods_pkey"))
    );
    assert_eq!(
        caller.call(client.prepare("selec")).unwrap_err().code(),
        Some("42601")
    );
    let error = caller.call(client.execute(&insert, &[&1])).unwrap_err();
    assert_eq!(error.code(), Some("08P01"));
    let error = ask("select 1; select 1/0; select 2").unwrap_err();
    assert_eq!(error.code(), Some("22012"));
    assert_eq!(
        ask("select 1; select 5; set work_mem = '1MB'")
            .unwrap()
            .one()
            .unwrap()
            .get::<i32>(0)
            .unwrap(),
        5
    );
    assert!(ask("").unwrap().is_empty());

    // Statements are forgotten when they are dropped.
    drop(insert);
    let count = "select count(*) from pg_prepared_statements";
    assert_eq!(ask(count).unwrap().one().unwrap().get::<i32>(0).unwrap(), 0);

    // Pipelined, in order.
    let (sender, receiver) = channel();
    let statement = caller.call(client.prepare("select $1::int * 2")).unwrap();
    for n in 0..500 {
        let sender = sender.clone();
        client.query(&statement, &[&n]).callback(move |rows| {
            let double = rows.unwrap().one().unwrap().get::<i32>(0).unwrap();
            sender.send((n, double)).unwrap();
        });
    }
    assert_eq!(ask("select 1").unwrap().len(), 1);
    drop(sender);
    let doubles = all_of(caller, receiver);
    assert!(doubles.into_iter().eq((0..500).map(|n| (n, 2 * n))));

    // Rows one by one; some are left.
    let all = "select n, repeat('x', 1000) from generate_series(1, 2000) n";
    let stream = client.stream(all, &[]).unwrap();
    let mut sum = 0;
    while let Some(row) = caller.call(stream.next()).unwrap() {
        sum += row.get::<i64>(0).unwrap();
    }
    assert_eq!(sum, 2000 * 2001 / 2);
    assert!(caller.call(stream.next()).unwrap().is_none());
    let stream = client.stream(all, &[]).unwrap();
    assert_eq!(
        caller
            .call(stream.next())
            .unwrap()
            .unwrap()
            .get::<i32>(0)
            .unwrap(),
        1
    );
    drop(stream);
    let failing = client
        .stream("select 1 / (3 - n) from generate_series(1, 5) n", &[])
        .unwrap();
    let mut rows = 0;
    let error = loop {
        match caller.call(failing.next()) {
            Ok(Some(_)) => rows += 1,
            Ok(None) => unreachable!("it fails"),
            Err(error) => break error,
        }
    };
    assert_eq!((rows, error.code()), (2, Some("22012")));

    // Copies, there and back; given up; refused; and what is none.
    ask("truncate goods").unwrap();
    let copy = client.copy_in("copy goods (id, name) from stdin").unwrap();
    for n in 0..1000 {
        caller
            .call(copy.send(format!("{n}\tname {n}\n").into_bytes()))
            .unwrap();
    }
    assert_eq!(caller.call(copy.finish()).unwrap(), 1000);
    let copy = client
        .copy_out("copy (select name from goods order by id) to stdout")
        .unwrap();
    let mut lines = 0;
    while let Some(line) = caller.call(copy.next()).unwrap() {
        assert_eq!(line, format!("name {lines}\n").into_bytes());
        lines += 1;
    }
    assert_eq!(lines, 1000);
    let copy = client.copy_in("copy goods (id, name) from stdin").unwrap();
    caller
        .call(copy.send(b"5000\tgiven up\n".to_vec()))
        .unwrap();
    drop(copy);
    let copy = client.copy_in("copy goods (id) from stdin").unwrap();
    caller.call(copy.send(b"what\n".to_vec())).unwrap();
    assert_eq!(
        caller.call(copy.finish()).unwrap_err().code(),
        Some("22P02")
    );
    let copy = client.copy_in("copy nothing from stdin").unwrap();
    let _ = caller.call(copy.send(vec![b'x'; 100_000]));
    assert_eq!(
        caller.call(copy.finish()).unwrap_err().code(),
        Some("42P01")
    );
    let copy = client.copy_in("select 1").unwrap();
    assert!(matches!(
        caller.call(copy.finish()),
        Err(Error::Unexpected(_))
    ));
    assert!(matches!(
        ask("copy goods to stdout"),
        Err(Error::Unexpected(_))
    ));
    assert_eq!(
        ask("copy goods from stdin").unwrap_err().code(),
        Some("57014")
    );
    // Likewise as a query with values, for which the server passes over its sync.
    let copy = "copy goods from stdin";
    let prepared = caller.call(client.prepare(copy)).unwrap();
    let errors = [
        caller.call(client.query(copy, &[])).err(),
        caller.call(client.execute(&prepared, &[])).err(),
        caller.call(client.stream(copy, &[]).unwrap().next()).err(),
    ];
    for error in errors {
        assert_eq!(error.unwrap().code(), Some("57014"));
    }
    assert!(matches!(
        caller.call(client.query("copy goods to stdout", &[])),
        Err(Error::Unexpected(_))
    ));
    let rows = ask("select count(*) from goods").unwrap();
    assert_eq!(rows.one().unwrap().get::<i32>(0).unwrap(), 1000);

    // What is said to all who listen.
    let is_nobody =
        |error: &Error| error.as_io().map(std::io::Error::kind) == Some(ErrorKind::NotConnected);
    assert!(is_nobody(
        &caller.call(client.next_notification()).unwrap_err()
    ));
    let news = "a \"channel\"";
    caller.call(client.listen(news)).unwrap();
    let other = Client::new(&caller.executor(), config.clone());
    for n in 0..100 {
        let notify = "select pg_notify($1, $2)";
        caller
            .call(other.query(notify, &[&news, &n.to_string()]))
            .unwrap();
    }
    for n in 0..100 {
        let said = caller.call(client.next_notification()).unwrap();
        assert_eq!(
            (said.channel, said.payload),
            (news.to_owned(), n.to_string())
        );
    }
    caller.call(client.unlisten(news)).unwrap();
    assert!(is_nobody(
        &caller.call(client.next_notification()).unwrap_err()
    ));

    // Limits on time, and what the server is to give up.
    let slow = "select pg_sleep(3600)";
    let error = caller.call(
        client
            .query(slow, &[])
            .cancel_after(Duration::from_millis(1)),
    );
    assert!(error.unwrap_err().is_timeout());
    // It comes too late for what has not begun.
    let active = "select 1 from pg_stat_activity where query = $1 and state = 'active'";
    let give_up = || {
        while caller
            .call(other.query(active, &[&slow]))
            .unwrap()
            .is_empty()
        {}
        caller.call(client.cancel_query()).unwrap();
        assert_eq!(ask("select 1").unwrap().len(), 1);
    };
    give_up();
    let (sender, receiver) = channel();
    let sleeping = client.query(slow, &[]);
    sleeping.callback(move |result| sender.send(result).unwrap());
    give_up();
    let error = receiver.recv().unwrap().unwrap_err();
    assert_eq!(error.code(), Some("57014"));

    // A session that the server ends: all are told why, and the next one is as it was.
    caller.call(client.listen(news)).unwrap();
    let pid = ask("select pg_backend_pid()")
        .unwrap()
        .one()
        .unwrap()
        .get::<i32>(0)
        .unwrap();
    caller
        .call(other.query("select pg_terminate_backend($1)", &[&pid]))
        .unwrap();
    while client.is_connected() {
        if let Err(error) = ask("select 1") {
            let is_told = error.code() == Some("57P01") || error.as_io().is_some();
            assert!(is_told, "{error}");
        }
    }
    let rows = caller.call(client.query(&statement, &[&21])).unwrap();
    assert_eq!(rows.one().unwrap().get::<i32>(0).unwrap(), 42);
    caller
        .call(other.query("select pg_notify($1, 'again')", &[&news]))
        .unwrap();
    assert_eq!(
        caller.call(client.next_notification()).unwrap().payload,
        "again"
    );

    statements(caller, &config);
    pool(caller, server, &config);
}

/// Statements that were prepared elsewhere, or before.
fn statements(caller: &impl Caller, config: &Config) {
    let new = || Client::new(&caller.executor(), config.clone());
    let (one, two, other) = (new(), new(), new());
    let ask = |client: &Client, text: &str| caller.call(client.batch(text));
    let prepare = |client: &Client, text: &str| caller.call(client.prepare(text)).unwrap();
    let count = |client: &Client| -> i32 {
        let text = "select count(*) from pg_prepared_statements";
        ask(client, text).unwrap().one().unwrap().get(0).unwrap()
    };
    let next = |client: &Client, statement: &Statement| -> client::Result<i32> {
        let rows = caller.call(client.query(statement, &[&6]))?;
        rows.one()?.get(0)
    };
    let plus_one = prepare(&one, "select $1::int + 1");
    let plus_two = prepare(&two, "select $1::int + 2");
    for client in [&one, &two, &one] {
        assert_eq!(next(client, &plus_one).unwrap(), 7);
        assert_eq!(next(client, &plus_two).unwrap(), 8);
    }
    assert_eq!((count(&one), count(&two)), (2, 2));

    // A new session has none, until one is asked for; nor in a transaction that has failed.
    let pid: i32 = {
        let rows = ask(&one, "begin; select pg_backend_pid()").unwrap();
        rows.one().unwrap().get(0).unwrap()
    };
    let end = other.query("select pg_terminate_backend($1)", &[&pid]);
    caller.call(end).unwrap();
    assert!(one.is_in_transaction());
    while one.is_connected() {
        let _ = next(&one, &plus_one);
    }
    assert_eq!(count(&one), 0);
    assert!(!one.is_in_transaction());
    assert!(ask(&one, "begin; select nothing").is_err());
    for _ in 0..2 {
        let error = next(&one, &plus_one).unwrap_err();
        assert_eq!(error.code(), Some("25P02"));
    }
    ask(&one, "rollback").unwrap();
    assert_eq!(next(&one, &plus_one).unwrap(), 7);
    assert_eq!(count(&one), 1);

    // Many at once, before it is known that the session has it.
    let (sender, receiver) = channel();
    for n in 0..50 {
        let sender = sender.clone();
        other.query(&plus_two, &[&n]).callback(move |rows| {
            let sum = rows.unwrap().one().unwrap().get::<i32>(0).unwrap();
            sender.send(sum).unwrap();
        });
    }
    assert_eq!(count(&other), 1);
    drop(sender);
    assert!(all_of(caller, receiver).into_iter().eq(2..52));

    drop((plus_one, plus_two));
    assert_eq!([&one, &two, &other].map(count), [0, 0, 0]);
}

/// A session that is told to forget its statements is told of them again, also where that went
/// past this client.
fn forgotten(caller: &impl Caller, config: &Config) {
    let client = Client::new(&caller.executor(), config.clone());
    let ask = |text: &str| caller.call(client.batch(text));
    let statement = caller.call(client.prepare("select 7")).unwrap();
    let seven = || -> client::Result<i32> {
        let rows = caller.call(client.query(&statement, &[]))?;
        rows.one()?.get(0)
    };
    for text in ["discard all", "deallocate all"] {
        assert_eq!(seven().unwrap(), 7);
        ask(text).unwrap();
    }
    assert_eq!(seven().unwrap(), 7);
    ask("do $$ begin deallocate all; end $$").unwrap();
    assert_eq!(seven().unwrap_err().code(), Some("26000"));
    assert_eq!(seven().unwrap(), 7);
}

/// What a client believes of its channels is so, whatever its session is told.
fn believed(caller: &impl Caller, config: &Config) {
    let client = Client::new(&caller.executor(), config.clone());
    let ask = |text: &str| caller.call(client.batch(text));
    let hears = |channel: &str| {
        let notify = "select pg_notify($1, '')";
        caller.call(client.query(notify, &[&channel])).unwrap();
        match caller.call(client.next_notification()) {
            Ok(said) => said.channel == channel,
            Err(error) => {
                let kind = error.as_io().map(std::io::Error::kind);
                assert_eq!(kind, Some(ErrorKind::NotConnected));
                false
            }
        }
    };
    let is_refused = |error: Option<Error>| {
        let kind = error
            .as_ref()
            .and_then(Error::as_io)
            .map(std::io::Error::kind);
        assert_eq!(kind, Some(ErrorKind::InvalidInput));
    };
    for text in ["listen a", " UNLISTEN *", "Listen\n\"a\""] {
        is_refused(ask(text).err());
        is_refused(caller.call(client.query(text, &[])).err());
        is_refused(caller.call(client.prepare(text)).err());
    }
    for text in ["select 1; listen a", "select 1; unlisten *"] {
        is_refused(ask(text).err());
    }

    caller.call(client.listen("a")).unwrap();
    assert!(hears("a"));
    ask("discard all").unwrap();
    assert!(!hears("a"));
    // What is asked behind that is not forgotten.
    client.batch("discard all").detach();
    caller.call(client.listen("a")).unwrap();
    assert!(hears("a"));

    caller.call(client.unlisten("a")).unwrap();
    for (end, is_done) in [
        ("commit", true),
        ("savepoint s; rollback to s", true),
        ("rollback", false),
        ("select 1 / 0", false),
    ] {
        ask("begin").unwrap();
        caller.call(client.listen("a")).unwrap();
        let _ = ask(end);
        ask("commit").unwrap();
        assert_eq!(hears("a"), is_done);

        caller.call(client.listen("a")).unwrap();
        ask("begin").unwrap();
        caller.call(client.unlisten("a")).unwrap();
        let _ = ask(end);
        ask("commit").unwrap();
        assert_eq!(hears("a"), !is_done);
        caller.call(client.unlisten("a")).unwrap();
    }
    caller.call(client.listen("a")).unwrap();
    ask("begin").unwrap();
    ask("select 1 / 0").unwrap_err();
    caller.call(client.unlisten("a")).unwrap_err();
    caller.call(client.listen("a")).unwrap_err();
    ask("rollback").unwrap();
    assert!(hears("a"));

    // Text is UTF-8, or there is none.
    assert!(matches!(
        ask("set client_encoding = 'LATIN1'"),
        Err(Error::Protocol(_))
    ));
    let rows = ask("show client_encoding").unwrap();
    assert_eq!(rows.one().unwrap().get::<String>(0).unwrap(), "UTF8");
}

/// Tables that have changed since a statement was prepared.
fn changed(caller: &impl Caller, config: &Config) {
    let new = || Client::new(&caller.executor(), config.clone());
    let one = new();
    let ask = |text: &str| caller.call(one.batch(text)).unwrap();
    ask("drop table if exists changes");
    ask("create table changes (a int, b text); insert into changes values (1, 'x')");
    let all = caller.call(one.prepare("select * from changes")).unwrap();
    let names = |client: &Client| -> client::Result<Vec<String>> {
        let rows = caller.call(client.query(&all, &[]))?;
        assert_eq!(rows.one()?.texts().count(), rows.columns().len());
        Ok(rows.columns().iter().map(|it| it.name.clone()).collect())
    };
    let two = new();
    for client in [&one, &two] {
        assert_eq!(names(client).unwrap(), ["a", "b"]);
    }
    ask("alter table changes add column c int");
    // The one that has planned it refuses once, a new one says what there is now.
    assert_eq!(names(&one).unwrap_err().code(), Some("0A000"));
    for client in [&one, &new()] {
        assert_eq!(names(client).unwrap(), ["a", "b", "c"]);
    }
    // As many as before, but others.
    ask("alter table changes drop column a, drop column c, add column d text");
    let three = new();
    for _ in 0..2 {
        assert_eq!(names(&three).unwrap(), ["b", "d"]);
    }
    assert_eq!(names(&two).unwrap_err().code(), Some("0A000"));
    assert_eq!(names(&two).unwrap(), ["b", "d"]);
    assert_eq!(all.columns().len(), 2);
    ask("drop table changes");
}

/// Transactions, on sessions of their own.
fn pool(caller: &impl Caller, server: &PostgresServer, config: &Config) {
    let pool = Pool::new(
        &caller.executor(),
        config.clone(),
        2,
        Duration::from_millis(50),
    );
    let count = |client: &Client| {
        let rows = caller
            .call(client.query("select count(*) from goods", &[]))
            .unwrap();
        rows.one().unwrap().get::<i64>(0).unwrap()
    };
    let delete = "delete from goods where id < 10";
    let begun = caller.call(pool.begin()).unwrap();
    assert_eq!(caller.call(begun.execute(delete, &[])).unwrap(), 10);
    let other = caller.call(pool.get()).unwrap();
    assert_eq!((count(&begun), count(&other)), (990, 1000));
    // No more than there are.
    assert!(caller.call(pool.get()).err().unwrap().is_timeout());
    drop(begun);
    let again = caller.call(pool.begin()).unwrap();
    assert_eq!(count(&again), 1000);
    caller.call(again.execute(delete, &[])).unwrap();
    caller.call(again.rollback()).unwrap();
    assert_eq!((count(&other), pool.idle()), (1000, 1));
    let again = caller.call(pool.begin()).unwrap();
    caller.call(again.execute(delete, &[])).unwrap();
    caller.call(again.commit()).unwrap();
    assert_eq!(count(&other), 990);
    // What has failed in between is not committed, whatever one believes.
    let failed = caller.call(pool.begin()).unwrap();
    assert!(caller.call(failed.batch("select nothing")).is_err());
    assert_eq!(
        caller.call(failed.batch("select 1")).unwrap_err().code(),
        Some("25P02")
    );
    assert!(matches!(
        caller.call(failed.commit()),
        Err(Error::Unexpected(_))
    ));
    // A session that somebody leaves in a transaction.
    caller
        .call(other.batch("begin; delete from goods"))
        .unwrap();
    drop(other);
    assert_eq!(pool.idle(), 2);
    let (one, two) = (
        caller.call(pool.get()).unwrap(),
        caller.call(pool.get()).unwrap(),
    );
    assert_eq!((count(&one), count(&two)), (990, 990));
    // Left before the server has answered.
    one.batch("begin; delete from goods").detach();
    drop(one);
    let one = caller.call(pool.get()).unwrap();
    assert_eq!(count(&one), 990);
    assert!(!one.is_in_transaction());
    // A transaction does not go on on another session.
    let pid = caller
        .call(one.batch("begin; select pg_backend_pid()"))
        .unwrap();
    let pid = pid.one().unwrap().get::<i32>(0).unwrap();
    caller
        .call(two.query("select pg_terminate_backend($1)", &[&pid]))
        .unwrap();
    while one.is_connected() {
        let _ = caller.call(one.batch("select 1"));
    }
    assert!(caller.call(one.batch("select 1")).is_err());
    drop((one, two));
    assert_eq!(pool.idle(), 1);
    assert_eq!(count(&caller.call(pool.get()).unwrap()), 990);
    // One that the server ends while nobody uses it says why to the next one.
    let one = caller.call(pool.get()).unwrap();
    let pid = caller.call(one.batch("select pg_backend_pid()")).unwrap();
    let pid = pid.one().unwrap().get::<i32>(0).unwrap();
    drop(one);
    let other = Client::new(&caller.executor(), config.clone());
    caller
        .call(other.query("select pg_terminate_backend($1)", &[&pid]))
        .unwrap();
    let is_there = "select 1 from pg_stat_activity where pid = $1";
    while !caller
        .call(other.query(is_there, &[&pid]))
        .unwrap()
        .is_empty()
    {}
    let one = caller.call(pool.get()).unwrap();
    let error = caller.call(one.batch("select 1")).unwrap_err();
    assert_eq!(error.code(), Some("57P01"), "{error}");
    drop(one);
    assert_eq!(count(&caller.call(pool.get()).unwrap()), 990);

    // Who one is.
    for user in ["scram", "hashed", "plain"] {
        let mut config = Config::parse(&server.url(user)).unwrap();
        config.password = Some("sécret".into());
        let client = Client::new(&caller.executor(), config.clone());
        let rows = caller.call(client.batch("select current_user")).unwrap();
        assert_eq!(rows.one().unwrap().get::<String>(0).unwrap(), user);
        config.password = Some("other".into());
        let client = Client::new(&caller.executor(), config.clone());
        let error = caller.call(client.batch("select 1")).unwrap_err();
        assert_eq!(error.code(), Some("28P01"));
        config.password = None;
        let client = Client::new(&caller.executor(), config);
        let error = caller.call(client.batch("select 1")).unwrap_err();
        assert_eq!(error.as_io().unwrap().kind(), ErrorKind::PermissionDenied);
    }
    let config = Config::parse(&server.url("refused")).unwrap();
    let client = Client::new(&caller.executor(), config);
    let error = caller.call(client.batch("select 1")).unwrap_err();
    assert_eq!(error.code(), Some("28000"));
}

/// Starts a server, with users who have to show a password.
fn start() -> Option<PostgresServer> {
    let server = PostgresServer::start()?;
    let context = IoContext::new().unwrap();
    let client = Client::new(&context, Config::parse(&server.unix_url()).unwrap());
    for (user, kind) in [
        ("scram", "scram-sha-256"),
        ("hashed", "md5"),
        ("plain", "md5"),
    ] {
        let text = format!(
            "set password_encryption = '{kind}'; create role {user} login password 'sécret'"
        );
        client.batch(&text).blocking().unwrap();
    }
    client
        .batch("create role refused login")
        .blocking()
        .unwrap();
    Some(server)
}

fn tokio(threads: usize) -> Runtime {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build().unwrap()
}

#[test]
fn every_token_and_every_host() {
    let Some(server) = start() else { return };
    without_hanging(move || {
        let context = || IoContext::new().unwrap();
        let tcp = server.url(PostgresServer::USER);
        let unix = server.unix_url();
        suite(&BlockingCalls(context()), &server, &tcp);
        suite(&BlockingCalls(context()), &server, &unix);
        suite(&Closure(context()), &server, &unix);
        suite(&Promises, &server, &tcp);
        suite(&Pollster(()), &server, &unix);
        suite(&Smol(context()), &server, &tcp);
        suite(&TokioCurrent((tokio(1), context())), &server, &tcp);
        suite(&TokioMulti(tokio(2)), &server, &unix);
    });
}

#[test]
fn statements_that_are_told_again() {
    let Some(server) = start() else { return };
    without_hanging(move || {
        let caller = BlockingCalls(IoContext::new().unwrap());
        let config = Config::parse(&server.unix_url()).unwrap();
        forgotten(&caller, &config);
        believed(&caller, &config);
        changed(&caller, &config);
    });
}

#[test]
fn many_threads_on_one_connection() {
    const THREADS: i32 = 64;
    const ROUNDS: i32 = 50;
    let Some(server) = start() else { return };
    without_hanging(move || {
        for on_system in [false, true] {
            let context = IoContext::new().unwrap();
            let executor = if on_system {
                *SystemExecutor
            } else {
                context.executor()
            };
            let client = Client::new(&executor, Config::parse(&server.unix_url()).unwrap());
            let statement = client
                .prepare("select $1::int + $2::int")
                .blocking()
                .unwrap();
            let answered = AtomicUsize::new(0);
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (client, statement, answered) = (&client, &statement, &answered);
                    scope.spawn(move || {
                        for n in 0..ROUNDS {
                            let rows = client.query(statement, &[&(thread * 1000), &n]);
                            let rows = match n % 2 {
                                0 => rows.blocking(),
                                _ if on_system => pollster::block_on(rows),
                                _ => rows.cancel_after(Duration::from_secs(60)).blocking(),
                            };
                            let sum = rows.unwrap().one().unwrap().get::<i32>(0).unwrap();
                            assert_eq!(sum, thread * 1000 + n);
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(answered.into_inner(), (THREADS * ROUNDS) as usize);
        }
    });
}
